"""HTTP for the operators who keep the range of goods."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from services.catalog.products.bodies import ProductChange, ProductCreate, SkuSave
from services.catalog.products.domain import Product, ProductStatus, Sku
from services.catalog.products.queries import operator_products, stock_of
from services.catalog.products.storage import Products
from services.catalog.products.usecases import (
    change_product,
    create_product as store_product,
    publish_product,
    save_sku,
    unpublish_product,
)
from services.catalog.products.views import OperatorProduct, OperatorProductRow
from services.catalog.resources import Own
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.callers import AnyOperator, Editor
from shared.http.paging import After, Limit, Page
from shared.http.problems import NotFound
from shared.http.work import Now, Work
from shared.ids import new_id

router = service_router("/operator/products", tags=["products"])

SkuCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


@router.get("")
async def list_all_products(
    caller: AnyOperator,
    resources: Own,
    status: ProductStatus | None = None,
    category_id: UUID | None = None,
    words: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[OperatorProductRow]:
    """All products, newest first; ``words`` must occur in the name or the code."""
    async with reading(resources.engine) as connection:
        return await operator_products(
            connection, status=status, category_id=category_id, words=words, after=after, limit=limit
        )


@router.post("", status_code=201)
async def create_product(body: ProductCreate, caller: Editor, work: Work, now: Now) -> OperatorProduct:
    """Add a product as a draft, with SKUs and their opening stock."""
    details = body.model_dump(exclude={"skus"})
    product = Product(id=new_id(), **details)
    skus, stock = [], {}
    for each in body.skus:
        sku = Sku(id=new_id(), product_id=product.id, **each.model_dump(exclude={"stock"}))
        skus.append(sku)
        stock[sku.id] = each.stock
    await store_product(work, product, skus, stock, at=now)
    await work.audit_log.record("product.create", f"product/{product.id}", by=caller, at=now, after=body)
    return await _view(work, product.id)


@router.get("/{product_id}")
async def show_any_product(product_id: UUID, caller: AnyOperator, work: Work) -> OperatorProduct:
    """One product with everything an operator may change."""
    return await _view(work, product_id)


@router.patch("/{product_id}")
async def update_product(
    product_id: UUID, body: ProductChange, caller: Editor, work: Work, now: Now
) -> OperatorProduct:
    """Change the given fields, unless someone else changed the product since ``version``."""
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    before, after = await change_product(work, product_id, changes, version=body.version, at=now)
    await work.audit_log.record(
        "product.change",
        f"product/{product_id}",
        by=caller,
        at=now,
        before={name: getattr(before, name) for name in changes},
        after={name: getattr(after, name) for name in changes},
    )
    return await _view(work, product_id)


@router.put("/{product_id}/skus/{sku_code}")
async def put_sku(
    product_id: UUID, sku_code: SkuCode, body: SkuSave, caller: Editor, work: Work, now: Now
) -> OperatorProduct:
    """Add a SKU, without stock, or replace the one with this code."""
    before, after = await save_sku(work, product_id, sku_code, body.model_dump(), at=now)
    await work.audit_log.record(
        "sku.save",
        f"sku/{after.id}",
        by=caller,
        at=now,
        before=before and {name: getattr(before, name) for name in SkuSave.model_fields},
        after=body,
    )
    return await _view(work, product_id)


@router.post("/{product_id}/publish")
async def publish(product_id: UUID, caller: Editor, work: Work, now: Now) -> OperatorProduct:
    """Put a product on sale."""
    product = await publish_product(work, product_id, at=now)
    await work.audit_log.record(
        "product.publish", f"product/{product.id}", by=caller, at=now, after={"status": product.status}
    )
    return await _view(work, product_id)


@router.post("/{product_id}/unpublish")
async def unpublish(product_id: UUID, caller: Editor, work: Work, now: Now) -> OperatorProduct:
    """Take a product off sale."""
    product = await unpublish_product(work, product_id, at=now)
    await work.audit_log.record(
        "product.unpublish", f"product/{product.id}", by=caller, at=now, after={"status": product.status}
    )
    return await _view(work, product_id)


async def _view(work: UnitOfWork, product_id: UUID) -> OperatorProduct:
    storage = Products(work.connection)
    if (product := await storage.find(product_id)) is None:
        raise NotFound()
    skus = await storage.skus_of(product_id)
    return OperatorProduct.of(product, skus, await stock_of(work.connection, [sku.id for sku in skus]))
