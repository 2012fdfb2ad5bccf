"""Taking a file in, and taking over its products batch by batch."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.catalog.categories.usecases import category_ids_by_path
from services.catalog.imports.files import records
from services.catalog.imports.merging import Merged, Stored, merge
from services.catalog.imports.rows import Group, batches, group_rows
from services.catalog.imports.storage import ImportState, ProductImport, ProductImports, Progress
from services.catalog.products.domain import Sku
from services.catalog.products.storage import Products
from services.catalog.products.usecases import Changes, store
from shared.connection import Connection
from shared.database import UnitOfWork
from shared.http.problems import NotFound
from shared.ids import new_id

IMPORT = "import-products"
BATCH_ROWS = 200


async def start_import(
    work: UnitOfWork, content: bytes, *, file_name: str, rows_total: int, by: UUID | None, at: datetime
) -> ProductImport:
    """Keep an uploaded file and have the worker take it over."""
    sha256 = hashlib.sha256(content).hexdigest()
    product_import = ProductImport(
        new_id(), file_name, sha256, ImportState.WAITING, rows_total, 0, 0, 0, 0, 0, at, None
    )
    await ProductImports(work.connection).add(product_import, content, created_by=by)
    await work.timers.set(IMPORT, str(product_import.id), due_at=at)
    return product_import


async def resume_import(work: UnitOfWork, import_id: UUID, *, at: datetime) -> ProductImport:
    """Have the worker go on at once, where it stopped; raises NotFound."""
    product_import = await ProductImports(work.connection).lock(import_id)
    if product_import is None:
        raise NotFound()
    if product_import.state is not ImportState.DONE:
        await work.timers.set(IMPORT, str(import_id), due_at=at)
    return product_import


async def read_import(connection: Connection, import_id: UUID) -> list[Group]:
    """The products of an uploaded file, always in the same order."""
    content = await ProductImports(connection).content(import_id)
    return await asyncio.to_thread(lambda: group_rows(records(content)))


async def import_batch(work: UnitOfWork, import_id: UUID, groups: list[Group], *, at: datetime) -> bool:
    """Take over the next products of a file, and record it in the same transaction; False when none are left."""
    imports = ProductImports(work.connection)
    product_import = await imports.lock(import_id)
    if product_import is None or product_import.state is ImportState.DONE:
        return False
    batch = next(batches(groups, start=product_import.products_done, size=BATCH_ROWS), None)
    if batch is None:
        await imports.finish(import_id, at=at)
        return False
    merged = await _merge(work, batch, at=at)
    await store(work, _changes(merged), at=at)
    progress = Progress(
        products=len(batch),
        created=sum(each.created for each in merged),
        updated=sum(each.updated for each in merged),
        unchanged=sum(each.unchanged for each in merged),
        failed=sum(each.failed for each in merged),
    )
    await imports.advance(import_id, progress, [error for each in merged for error in each.errors])
    return True


async def _merge(work: UnitOfWork, batch: Sequence[Group], *, at: datetime) -> list[Merged]:
    """Compare a batch with what is stored, in a fixed number of statements."""
    products = Products(work.connection)
    rows = [row for group in batch for row in group.rows]
    known = await products.lock_by_codes(sorted({row.product_code for row in rows}))
    owner_of = await products.owners_of([row.sku_code for row in rows])
    skus: dict[UUID, list[Sku]] = {product.id: [] for product in known.values()}
    for sku in await products.skus_of(*skus):
        skus[sku.product_id].append(sku)
    category_ids = await category_ids_by_path(work.connection)
    merged = []
    for group in batch:
        product = known.get(group.rows[0].product_code) if group.rows else None
        stored = Stored(product, skus[product.id] if product else [], owner_of, category_ids)
        merged.append(merge(group, stored, at=at))
    return merged


def _changes(merged: Sequence[Merged]) -> Changes:
    products = [(each.product, each.is_new) for each in merged if each.product]
    return Changes(
        new=[product for product, is_new in products if is_new],
        changed=[product for product, is_new in products if not is_new],
        new_skus=[sku for each in merged for sku in each.new_skus],
        changed_skus=[sku for each in merged for sku in each.changed_skus],
        stock={sku_id: stock for each in merged for sku_id, stock in each.stock.items()},
    )
