"""Making, changing, publishing products; every change is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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


async def create_products(
    work: UnitOfWork,
    products: Sequence[Product],
    skus: Sequence[Sku],
    stock: Mapping[UUID, int],
    *,
    at: datetime,
) -> None:
    """Store new products with their SKUs and opening stock (by SKU id).

    Raises Invalid, ProductCodeTaken, SkuCodeTaken.
    """
    for product in products:
        check_choices(product, [sku for sku in skus if sku.product_id == product.id])
    storage = Products(work.connection)
    await storage.insert(products, at=at)
    await add_skus(work, skus, stock, at=at)
    await announce(work, products, at=at)


async def add_skus(work: UnitOfWork, skus: Sequence[Sku], stock: Mapping[UUID, int], *, at: datetime) -> None:
    """Store new SKUs with their opening stock; raises SkuCodeTaken."""
    await Products(work.connection).insert_skus(skus, at=at)
    await receive_stock(work, {sku.id: stock.get(sku.id, 0) for sku in skus}, at=at)


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
    return before, await _updated(work, after, at=at)


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
    if before:
        await storage.update_skus([after], at=at)
    else:
        await add_skus(work, [after], {}, at=at)
    await _updated(work, product, at=at)
    return before, after


async def publish_product(work: UnitOfWork, product_id: UUID, *, at: datetime) -> Product:
    """Put a product on sale; raises NotFound, ProductNotReady, IllegalProductStatus."""
    storage = Products(work.connection)
    product = await _locked(storage, product_id)
    return await _updated(work, product.publish(skus=await storage.skus_of(product_id), at=at), at=at)


async def unpublish_product(work: UnitOfWork, product_id: UUID, *, at: datetime) -> Product:
    """Take a product off sale; raises NotFound, IllegalProductStatus."""
    return await _updated(work, (await _locked(Products(work.connection), product_id)).unpublish(), at=at)


async def announce(work: UnitOfWork, products: Sequence[Product], *, at: datetime) -> None:
    """Bring prices and the search index in line with products that were just stored, and announce them."""
    product_ids = [product.id for product in products]
    await Products(work.connection).refresh_prices(product_ids)
    await index_products(work.connection, product_ids)
    events = [
        ProductChanged(
            product_id=product.id,
            product_code=product.product_code,
            name=product.name,
            category_id=product.category_id,
            status=product.status,
            version=product.version,
            changed_at=at,
        )
        for product in products
    ]
    await work.outbox.add(*events, at=at)


async def _locked(storage: Products, product_id: UUID) -> Product:
    if (product := await storage.lock(product_id)) is None:
        raise NotFound()
    return product


async def _updated(work: UnitOfWork, product: Product, *, at: datetime) -> Product:
    await Products(work.connection).update([product], at=at)
    product = replace(product, version=product.version + 1)
    await announce(work, [product], at=at)
    return product
