"""The rows of products and SKUs; many are written in as many statements as one."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from services.catalog.products.domain import (
    Product,
    ProductChangedMeanwhile,
    ProductCodeTaken,
    ProductStatus,
    Sku,
    SkuCodeTaken,
)
from shared.connection import Connection, Row
from shared.http.problems import Invalid

_PRODUCT = ", ".join(field.name for field in fields(Product))
_SKU = ", ".join(field.name for field in fields(Sku))

_PRODUCT_ROWS = (
    "jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, product_code text, name text, category_id uuid,"
    " subtitle text, brand text, description text, options jsonb, media jsonb, attributes jsonb, keywords text[],"
    " after_sale_policy_key text, status text, version integer, published_at timestamptz)"
)
_SKU_ROWS = (
    "jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, product_id uuid, sku_code text, options jsonb,"
    " price_fen bigint, market_price_fen bigint, weight_grams integer, image_url text, is_active boolean)"
)
_FIND = text(f"SELECT {_PRODUCT} FROM products WHERE id = :id")
_LOCK = text(f"SELECT {_PRODUCT} FROM products WHERE id = :id FOR UPDATE")
_LOCK_BY_CODES = text(
    f"SELECT {_PRODUCT} FROM products WHERE product_code = ANY(:codes) ORDER BY id FOR UPDATE"
)
_SKUS_OF = text(f"SELECT {_SKU} FROM skus WHERE product_id = ANY(:product_ids) ORDER BY id")
_OWNERS = text("SELECT sku_code, product_id FROM skus WHERE sku_code = ANY(:codes)")
_INSERT = text(
    f"INSERT INTO products ({_PRODUCT}, created_at, updated_at) SELECT {_PRODUCT}, :at, :at FROM {_PRODUCT_ROWS}"
)
_UPDATE = text(
    "UPDATE products p SET (name, category_id, subtitle, brand, description, options, media, attributes, keywords,"
    " after_sale_policy_key, status, published_at, version, updated_at) = (r.name, r.category_id, r.subtitle,"
    " r.brand, r.description, r.options, r.media, r.attributes, r.keywords, r.after_sale_policy_key, r.status,"
    f" r.published_at, p.version + 1, :at) FROM {_PRODUCT_ROWS} WHERE p.id = r.id AND p.version = r.version"
)
_INSERT_SKUS = text(f"INSERT INTO skus ({_SKU}, updated_at) SELECT {_SKU}, :at FROM {_SKU_ROWS}")
_UPDATE_SKUS = text(
    "UPDATE skus s SET (options, price_fen, market_price_fen, weight_grams, image_url, is_active, updated_at) ="
    " (r.options, r.price_fen, r.market_price_fen, r.weight_grams, r.image_url, r.is_active, :at)"
    f" FROM {_SKU_ROWS} WHERE s.id = r.id"
)
_REFRESH_PRICES = text(
    "UPDATE products p SET min_price_fen = s.lowest, max_price_fen = s.highest, market_price_fen = s.market FROM ("
    " SELECT product_id, min(price_fen) AS lowest, max(price_fen) AS highest, max(market_price_fen) AS market"
    " FROM skus WHERE product_id = ANY(:product_ids) AND is_active GROUP BY product_id) s WHERE s.product_id = p.id"
)
_FORGET_SALES = text("UPDATE products SET sales = 0 WHERE sales > 0 RETURNING id")
_COUNT_SALES = text(
    "WITH sold AS (SELECT * FROM unnest(CAST(:product_ids AS uuid[]), CAST(:quantities AS integer[]))"
    " AS s(product_id, quantity)),"
    " locked AS (SELECT p.id FROM products p JOIN sold ON sold.product_id = p.id ORDER BY p.id FOR UPDATE OF p)"
    " UPDATE products p SET sales = p.sales + sold.quantity FROM sold JOIN locked ON locked.id = sold.product_id"
    " WHERE p.id = locked.id"
)


class Products:
    """Products together with their SKUs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, product_id: UUID) -> Product | None:
        """One product."""
        row = (await self._connection.execute(_FIND, {"id": product_id})).one_or_none()
        return _product(row) if row else None

    async def lock(self, product_id: UUID) -> Product | None:
        """One product; nobody else changes it until this transaction ends."""
        row = (await self._connection.execute(_LOCK, {"id": product_id})).one_or_none()
        return _product(row) if row else None

    async def lock_by_codes(self, codes: Sequence[str]) -> dict[str, Product]:
        """The products with these codes, locked in key order (K12)."""
        rows = await self._connection.execute(_LOCK_BY_CODES, {"codes": list(codes)})
        return {row["product_code"]: _product(row) for row in rows}

    async def skus_of(self, *product_ids: UUID) -> list[Sku]:
        """All SKUs of these products, in the order in which they were made."""
        rows = await self._connection.execute(_SKUS_OF, {"product_ids": list(product_ids)})
        return [Sku(**row) for row in rows]

    async def owners_of(self, sku_codes: Sequence[str]) -> dict[str, UUID]:
        """The products of the SKUs with these codes."""
        rows = await self._connection.execute(_OWNERS, {"codes": list(sku_codes)})
        return {row.sku_code: row.product_id for row in rows}

    async def insert(self, products: Sequence[Product], *, at: datetime) -> None:
        """Store new products; raises ProductCodeTaken, Invalid for an unknown category or policy."""
        await self._write(_INSERT, products, at)

    async def update(self, products: Sequence[Product], *, at: datetime) -> None:
        """Store products as changed, each one version on; raises ProductChangedMeanwhile, Invalid."""
        if await self._write(_UPDATE, products, at) != len(products):
            raise ProductChangedMeanwhile()

    async def insert_skus(self, skus: Sequence[Sku], *, at: datetime) -> None:
        """Store new SKUs; raises SkuCodeTaken."""
        await self._write(_INSERT_SKUS, skus, at)

    async def update_skus(self, skus: Sequence[Sku], *, at: datetime) -> None:
        """Store SKUs as changed; raises SkuCodeTaken when two have the same options."""
        await self._write(_UPDATE_SKUS, skus, at)

    async def refresh_prices(self, product_ids: Sequence[UUID]) -> None:
        """Bring the price ranges of products in line with their active SKUs."""
        await self._connection.execute(_REFRESH_PRICES, {"product_ids": list(product_ids)})

    async def count_sales(self, quantities: dict[UUID, int]) -> None:
        """Add sold units to products, locked in key order."""
        await self._connection.execute(
            _COUNT_SALES, {"product_ids": list(quantities), "quantities": list(quantities.values())}
        )

    async def forget_sales(self) -> list[UUID]:
        """Begin to count from zero; returns the products that had been sold."""
        return list((await self._connection.execute(_FORGET_SALES)).scalars())

    async def _write(self, statement: TextClause, values: Sequence[Product | Sku], at: datetime) -> int:
        if not values:
            return 0
        rows = orjson.dumps([asdict(value) for value in values], default=str).decode()
        try:
            return (await self._connection.execute(statement, {"rows": rows, "at": at})).rowcount
        except IntegrityError as error:
            raise _refusal(str(error.orig)) from error


def _refusal(reason: str) -> Exception:
    if "products_product_code_key" in reason:
        return ProductCodeTaken()
    if "skus_sku_code_key" in reason or "skus_options_key" in reason:
        return SkuCodeTaken()
    if "category_id_fkey" in reason:
        return Invalid("There is no such category.")
    return Invalid("There is no such after-sale policy.")


def _product(row: Row) -> Product:
    return Product(**dict(row) | {"status": ProductStatus(row["status"])})
