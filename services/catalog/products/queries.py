"""Reading products, for shoppers and for operators, in a fixed number of statements."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text

from services.catalog.policies.storage import POLICY_OF_PRODUCT
from services.catalog.products.views import OperatorProductRow
from shared.connection import Connection
from shared.http.paging import Page, before_id, following, instant, page_of, place_after, whole_number

IN_STOCK = (
    "coalesce((SELECT true FROM skus s JOIN stock_levels l ON l.sku_id = s.id"
    " WHERE s.product_id = p.id AND s.is_active AND l.on_hand > l.reserved LIMIT 1), false)"
)
"""SQL for whether product ``p`` can be bought. No ``EXISTS``: PostgreSQL would make a table of all SKUs for each page."""

CARD = (
    "p.id AS product_id, p.product_code, p.name, p.subtitle, p.image_url, p.min_price_fen, p.max_price_fen,"
    f" p.market_price_fen, p.sales, {IN_STOCK} AS is_in_stock"
)
"""SQL for what a list shows of product ``p``; its row as a dict is a ProductCard."""

_BELOW = "p.category_id IN (SELECT id FROM categories WHERE path @> ARRAY[CAST({} AS uuid)])"
_CATEGORY_PATH = (
    "(SELECT json_agg(json_build_object('category_id', a.id, 'name', a.name) ORDER BY cardinality(a.path))::text"
    " FROM categories a WHERE a.id = ANY(c.path))"
)
_IMAGE_OF_SKU = "coalesce(s.image_url, p.image_url)"


class Sort(StrEnum):
    """How a list of products is ordered."""

    NEWEST = "newest"
    SALES = "sales"
    PRICE = "price"
    PRICE_DESC = "price_desc"


_SORTED_BY = {
    Sort.NEWEST: ("p.published_at", "timestamptz", "DESC", "<"),
    Sort.SALES: ("p.sales", "integer", "DESC", "<"),
    Sort.PRICE: ("p.min_price_fen", "bigint", "ASC", ">"),
    Sort.PRICE_DESC: ("p.min_price_fen", "bigint", "DESC", "<"),
}
_READ = {
    Sort.NEWEST: instant,
    Sort.SALES: whole_number(below=2**31),
    Sort.PRICE: whole_number(below=2**63),
    Sort.PRICE_DESC: whole_number(below=2**63),
}


def _list_statement(sort: Sort, *, in_category: bool, is_next: bool) -> TextClause:
    """SQL for one page; its values are the limit, the category, and the position and id after which it begins."""
    column, type_, direction, beyond = _SORTED_BY[sort]
    conditions = ["p.status = 'on_sale'"]
    if in_category:
        conditions.append(_BELOW.format(":category_id"))
    if is_next:
        conditions.append(f"({column}, p.id) {beyond} (CAST(:position AS {type_}), CAST(:id AS uuid))")
    return text(
        f"SELECT {CARD}, {column} AS position FROM products p WHERE {' AND '.join(conditions)}"
        f" ORDER BY {column} {direction}, p.id {direction} LIMIT :limit"
    )


_LISTS = {
    (sort, in_category, is_next): _list_statement(sort, in_category=in_category, is_next=is_next)
    for sort in Sort
    for in_category in (False, True)
    for is_next in (False, True)
}
_DETAIL = text(
    f"SELECT {CARD}, p.brand, p.description, CAST(p.options AS text) AS options, CAST(p.media AS text) AS media,"
    " CAST(p.attributes AS text) AS attributes, p.version,"
    f" {_CATEGORY_PATH} AS categories, {POLICY_OF_PRODUCT} AS after_sale_policy,"
    " (SELECT coalesce(json_agg(json_build_object('sku_id', s.id, 'sku_code', s.sku_code, 'options', s.options,"
    " 'price_fen', s.price_fen, 'market_price_fen', s.market_price_fen, 'weight_grams', s.weight_grams,"
    f" 'image_url', {_IMAGE_OF_SKU}, 'available', l.on_hand - l.reserved) ORDER BY s.id), '[]')::text"
    " FROM skus s JOIN stock_levels l ON l.sku_id = s.id WHERE s.product_id = p.id AND s.is_active) AS skus"
    " FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = :product_id AND p.status = 'on_sale'"
)
_DETAIL_JSON = ("options", "media", "attributes", "categories", "after_sale_policy", "skus")
_LOOKUP = text(
    "SELECT s.id AS sku_id, s.sku_code, s.product_id, p.name AS product_name, CAST(s.options AS text) AS options,"
    f" {_IMAGE_OF_SKU} AS image_url, c.path AS category_ids, s.price_fen AS unit_price_fen, s.market_price_fen,"
    " s.weight_grams, p.status = 'on_sale' AND s.is_active AS is_on_sale, l.on_hand - l.reserved AS available,"
    f" {POLICY_OF_PRODUCT} AS after_sale_policy"
    " FROM skus s JOIN products p ON p.id = s.product_id JOIN categories c ON c.id = p.category_id"
    " JOIN stock_levels l ON l.sku_id = s.id WHERE s.id = ANY(ARRAY(SELECT unnest(CAST(:sku_ids AS uuid[]))))"
)
"""The ids behind a subquery, so that PostgreSQL keeps one plan: knowing them it made a new one for each call, 0.4 ms."""
_OPERATOR_LIST = text(
    f"SELECT {CARD}, p.category_id, p.status, p.version, p.updated_at FROM products p"
    " WHERE (CAST(:status AS text) IS NULL OR p.status = :status)"
    f" AND (CAST(:category_id AS uuid) IS NULL OR {_BELOW.format(':category_id')})"
    " AND (CAST(:words AS text) IS NULL OR p.name ILIKE :words OR p.product_code ILIKE :words)"
    " AND p.id < :before ORDER BY p.id DESC LIMIT :limit"
)
_STOCK_OF_SKUS = text("SELECT sku_id, on_hand, reserved, sold FROM stock_levels WHERE sku_id = ANY(:sku_ids)")


async def list_products(
    connection: Connection, *, category_id: UUID | None, sort: Sort, after: str | None, limit: int
) -> dict[str, Any]:
    """The document of one page of products on sale, descendants of the category included; one statement."""
    found = place_after(after, _READ[sort], UUID)
    position, id_ = found or [None, None]
    values = {"category_id": category_id, "position": position, "id": id_, "limit": limit + 1}
    statement = _LISTS[sort, category_id is not None, found is not None]
    rows = [dict(row) for row in await connection.execute(statement, values)]
    places = [(row.pop("position"), row["product_id"]) for row in rows]
    return {"items": rows[:limit], "next": following(places, limit, place=lambda place: place)}


async def product_detail(connection: Connection, product_id: UUID) -> dict[str, Any] | None:
    """The document of one product on sale, with SKUs, stock and after-sale policy; one statement."""
    row = (await connection.execute(_DETAIL, {"product_id": product_id})).one_or_none()
    return None if row is None else dict(row) | {name: _raw(row[name]) for name in _DETAIL_JSON}


async def look_up_skus(connection: Connection, sku_ids: Sequence[UUID]) -> dict[str, Any]:
    """The document of what checkout needs to know of SKUs; unknown ids are left out; one statement."""
    rows = await connection.execute(_LOOKUP, {"sku_ids": list(sku_ids)})
    return {
        "items": [
            dict(row) | {name: _raw(row[name]) for name in ("options", "after_sale_policy")} for row in rows
        ]
    }


async def operator_products(
    connection: Connection,
    *,
    status: str | None,
    category_id: UUID | None,
    words: str | None,
    after: str | None,
    limit: int,
) -> Page[OperatorProductRow]:
    """One page of all products, newest first; ``words`` must occur in name or code."""
    values = {
        "status": status,
        "category_id": category_id,
        "words": f"%{_escaped(words)}%" if words else None,
        "before": before_id(after),
        "limit": limit + 1,
    }
    rows = await connection.execute(_OPERATOR_LIST, values)
    items = [OperatorProductRow.model_validate(dict(row)) for row in rows]
    return page_of(items, limit, place=lambda row: row.product_id)


async def stock_of(connection: Connection, sku_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """On hand, reserved and sold of each SKU."""
    rows = await connection.execute(_STOCK_OF_SKUS, {"sku_ids": list(sku_ids)})
    return {row.pop("sku_id"): row for row in map(dict, rows)}


def _raw(json: str | None) -> Any:
    """JSON from PostgreSQL, passed on as it is."""
    return None if json is None else orjson.Fragment(json)


def _escaped(words: str) -> str:
    return words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("\x00", "")
