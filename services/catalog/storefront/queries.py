"""The whole home page in a fixed number of statements."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import text

from services.catalog.products.queries import CARD
from services.catalog.storefront.storage import EMPTY
from shared.connection import Connection

PRODUCTS_A_CATEGORY = 8

_LAYOUT = text("SELECT CAST(document AS text) FROM storefront")
_FEATURED = text(f"""
    SELECT c.id AS category_id, c.name AS category_name, c.icon_url, b.*
      FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS f(category_id, place)
      JOIN categories c ON c.id = CAST(f.category_id AS uuid)
      LEFT JOIN LATERAL (
        SELECT {CARD} FROM products p
         WHERE p.status = 'on_sale' AND p.category_id IN (SELECT id FROM categories WHERE path @> ARRAY[c.id])
         ORDER BY p.sales DESC, p.id DESC LIMIT {PRODUCTS_A_CATEGORY}) b ON true
     ORDER BY f.place, b.sales DESC, b.product_id DESC""")


async def home_page(connection: Connection, *, hot_words: Sequence[str]) -> dict[str, Any]:
    """Banners, entries, featured categories with their best-selling products, and hot words: two statements.

    Pinned hot words come first, then those that are searched for most.
    """
    document = (await connection.execute(_LAYOUT)).scalar_one_or_none()
    layout = orjson.loads(document) if document else EMPTY
    categories: dict[Any, dict[str, Any]] = {}
    for row in await connection.execute(_FEATURED, {"ids": layout["featured_category_ids"]}):
        card = dict(row)
        category_id, name, icon_url = (card.pop(key) for key in ("category_id", "category_name", "icon_url"))
        category = categories.setdefault(
            category_id, {"category_id": category_id, "name": name, "icon_url": icon_url, "products": []}
        )
        if card["product_id"] is not None:
            category["products"].append(card)
    return {
        "banners": layout["banners"],
        "entries": layout["entries"],
        "featured_categories": list(categories.values()),
        "hot_words": list(dict.fromkeys([*layout["hot_words"], *hot_words])),
    }
