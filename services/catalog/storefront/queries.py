"""The whole home page in a fixed number of statements."""

from datetime import date
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.products.queries import CARD
from services.catalog.search.queries import hot_queries

PRODUCTS_A_CATEGORY = 8
HOT_WORDS = 10

_LAYOUT = text("SELECT document FROM storefront")
_FEATURED = text(f"""
    SELECT c.id AS category_id, c.name AS category_name, c.icon_url, f.place, b.*
      FROM unnest(CAST(:category_ids AS uuid[])) WITH ORDINALITY AS f(category_id, place)
      JOIN categories c ON c.id = f.category_id
      LEFT JOIN LATERAL (
        SELECT {CARD} FROM products p
         WHERE p.status = 'on_sale' AND p.category_id IN (SELECT id FROM categories WHERE path @> ARRAY[c.id])
         ORDER BY p.sales DESC, p.id DESC LIMIT {PRODUCTS_A_CATEGORY}) b ON true
     ORDER BY f.place, b.sales DESC, b.product_id DESC""")
_SAVE = text(
    "INSERT INTO storefront (document, updated_at) VALUES (CAST(:document AS jsonb), :at)"
    " ON CONFLICT (is_only) DO UPDATE SET document = excluded.document, version = storefront.version + 1,"
    " updated_at = excluded.updated_at"
)
_OF_CATEGORY = ("category_id", "category_name", "icon_url", "place")

EMPTY: dict[str, Any] = {"banners": [], "entries": [], "featured_category_ids": [], "hot_words": []}


async def layout(connection: AsyncConnection) -> dict[str, Any]:
    """The layout as it was saved, or an empty one."""
    found: dict[str, Any] | None = (await connection.execute(_LAYOUT)).scalar_one_or_none()
    return found or EMPTY


async def save_layout(connection: AsyncConnection, document: dict[str, Any], *, at: Any) -> None:
    """Put a layout in the place of the old one."""
    await connection.execute(_SAVE, {"document": orjson.dumps(document, default=str).decode(), "at": at})


async def home_page(connection: AsyncConnection, *, since: date) -> dict[str, Any]:
    """Banners, entries, featured categories with their best-selling products, and hot words: three statements.

    Pinned hot words come first, then what was searched for most since a day.
    """
    saved = await layout(connection)
    categories: dict[Any, dict[str, Any]] = {}
    for row in (
        await connection.execute(_FEATURED, {"category_ids": saved["featured_category_ids"]})
    ).mappings():
        card = {name: value for name, value in row.items() if name not in _OF_CATEGORY}
        category = categories.setdefault(
            row["category_id"],
            {
                "category_id": row["category_id"],
                "name": row["category_name"],
                "icon_url": row["icon_url"],
                "products": [],
            },
        )
        if card["product_id"] is not None:
            category["products"].append(card)
    searched = await hot_queries(connection, since=since, limit=HOT_WORDS)
    return {
        "banners": saved["banners"],
        "entries": saved["entries"],
        "featured_categories": list(categories.values()),
        "hot_words": list(dict.fromkeys([*saved["hot_words"], *searched]))[
            : max(HOT_WORDS, len(saved["hot_words"]))
        ],
    }
