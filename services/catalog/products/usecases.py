"""Making, changing, publishing products; every change is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.catalog.products.domain import Product, ProductChangedMeanwhile, Sku, check_choices
from services.catalog.products.storage import Products
from services.catalog.search.usecases import index_products
from services.catalog.stock.usecases import receive_stock
from shared.database import UnitOfWork
from shared.events import ProductChanged
from shared.http.problems import NotFound
from shared.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Products and SKUs to be stored together: new ones, changed ones, and the opening stock of new SKUs by id."""

    new: Sequence[Product] = ()
    changed: Sequence[Product] = ()
    new_skus: Sequence[Sku] = ()
    changed_skus: Sequence[Sku] = ()
    stock: Mapping[UUID, int] = field(default_factory=dict)


async def store(work: UnitOfWork, changes: Changes, *, at: datetime) -> None:
    """Store products that belong together in a fixed number of statements, index them, and announce them.

    A product whose SKUs changed must be among the changed ones. Raises Invalid for an unknown category or policy,
    ProductCodeTaken, SkuCodeTaken, ProductChangedMeanwhile.
    """
    storage = Products(work.connection)
    await storage.insert(changes.new, at=at)
    await storage.update(changes.changed, at=at)
    await storage.update_skus(changes.changed_skus, at=at)
    await storage.insert_skus(changes.new_skus, at=at)
    await receive_stock(work, {sku.id: changes.stock.get(sku.id, 0) for sku in changes.new_skus}, at=at)
    stored = [*changes.new, *(replace(product, version=product.version + 1) for product in changes.changed)]
    product_ids = [product.id for product in stored]
    await storage.refresh_prices(product_ids)
    await index_products(work.connection, product_ids)
    await work.outbox.add(*(_changed(product, at=at) for product in stored), at=at)


async def create_product(
    work: UnitOfWork, product: Product, skus: Sequence[Sku], stock: Mapping[UUID, int], *, at: datetime
) -> None:
    """Store a new product with its SKUs and their opening stock; raises Invalid, ProductCodeTaken, SkuCodeTaken."""
    check_choices(product, skus)
    await store(work, Changes(new=[product], new_skus=skus, stock=stock), at=at)


async def change_product(
    work: UnitOfWork, product_id: UUID, changes: Mapping[str, Any], *, version: int, at: datetime
) -> tuple[Product, Product]:
    """Change fields of a product read at ``version``; returns it before and after.

    Raises NotFound, ProductChangedMeanwhile, Invalid.
    """
    storage = Products(work.connection)
    before = await _locked(storage, product_id)
    if before.version != version:
        raise ProductChangedMeanwhile()
    after = replace(before, **changes)
    check_choices(after, await storage.skus_of(product_id))
    await store(work, Changes(changed=[after]), at=at)
    return before, after


async def save_sku(
    work: UnitOfWork, product_id: UUID, sku_code: str, values: Mapping[str, Any], *, at: datetime
) -> tuple[Sku | None, Sku]:
    """Add a SKU without stock, or replace the one with this code; returns it before and after.

    Raises NotFound, Invalid, SkuCodeTaken.
    """
    storage = Products(work.connection)
    product = await _locked(storage, product_id)
    skus = {sku.sku_code: sku for sku in await storage.skus_of(product_id)}
    before = skus.get(sku_code)
    after = Sku(id=before.id if before else new_id(), product_id=product_id, sku_code=sku_code, **values)
    check_choices(product, list((skus | {sku_code: after}).values()))
    changes = (
        Changes(changed=[product], changed_skus=[after])
        if before
        else Changes(changed=[product], new_skus=[after])
    )
    await store(work, changes, at=at)
    return before, after


async def publish_product(work: UnitOfWork, product_id: UUID, *, at: datetime) -> Product:
    """Put a product on sale; raises NotFound, ProductNotReady, IllegalProductStatus."""
    storage = Products(work.connection)
    product = await _locked(storage, product_id)
    product = product.publish(skus=await storage.skus_of(product_id), at=at)
    await store(work, Changes(changed=[product]), at=at)
    return product


async def unpublish_product(work: UnitOfWork, product_id: UUID, *, at: datetime) -> Product:
    """Take a product off sale; raises NotFound, IllegalProductStatus."""
    product = (await _locked(Products(work.connection), product_id)).unpublish()
    await store(work, Changes(changed=[product]), at=at)
    return product


def _changed(product: Product, *, at: datetime) -> ProductChanged:
    return ProductChanged(
        product_id=product.id,
        product_code=product.product_code,
        name=product.name,
        category_id=product.category_id,
        status=product.status,
        version=product.version,
        changed_at=at,
    )


async def _locked(storage: Products, product_id: UUID) -> Product:
    if (product := await storage.lock(product_id)) is None:
        raise NotFound()
    return product
