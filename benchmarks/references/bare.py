"""`python -m benchmarks.references.bare PORT`: the same pages by FastAPI and asyncpg alone, one process, on the same rows.

No gateway, no identity, no limits, no rounds between services: plain SQL, rows to JSON by orjson. Database addresses come
in BARE_CATALOG and BARE_CAMPAIGN.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Response

CARD = """p.id AS product_id, p.product_code, p.name, p.subtitle, p.image_url, p.min_price_fen, p.max_price_fen,
  p.market_price_fen, p.sales, coalesce((SELECT true FROM skus s JOIN stock_levels l ON l.sku_id = s.id
    WHERE s.product_id = p.id AND s.is_active AND l.on_hand > l.reserved LIMIT 1), false) AS is_in_stock"""
LIST = f"""SELECT {CARD} FROM products p WHERE p.status = 'on_sale' AND p.category_id = $1
  ORDER BY p.published_at DESC, p.id DESC LIMIT 20"""
DETAIL = f"""SELECT {CARD}, p.brand, p.description, p.options, p.media, p.attributes, p.version, p.category_id
  FROM products p WHERE p.id = $1 AND p.status = 'on_sale'"""
SKUS = """SELECT s.id AS sku_id, s.sku_code, s.options, s.price_fen, s.market_price_fen, s.weight_grams, s.image_url,
  l.on_hand - l.reserved AS available FROM skus s JOIN stock_levels l ON l.sku_id = s.id
  WHERE s.product_id = $1 AND s.is_active ORDER BY s.id"""
SEARCH = f"""SELECT {CARD} FROM products p WHERE p.status = 'on_sale' AND (p.name ILIKE $1 OR $2 = ANY(p.keywords))
  ORDER BY p.sales DESC, p.id DESC LIMIT 20"""
LAYOUT = "SELECT document FROM storefront"
BEST = f"""SELECT {CARD} FROM products p WHERE p.status = 'on_sale' AND p.category_id = $1
  ORDER BY p.sales DESC, p.id DESC LIMIT 8"""
TEMPLATES = """SELECT t.id AS template_id, r.*, t.audience, t.valid_days, t.total_quota - t.issued AS remaining
  FROM coupon_templates t JOIN coupon_rules r ON r.template_id = t.id AND r.version = t.version
  WHERE t.status = 'running' ORDER BY t.id DESC LIMIT 20"""
PROMOTIONS = "SELECT * FROM full_reductions WHERE status = 'running' ORDER BY id DESC LIMIT 20"

pools: dict[str, "asyncpg.Pool[asyncpg.Record]"] = {}


async def _as_json(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=str, decoder=orjson.Fragment, schema="pg_catalog", format="text"
    )


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open a pool of ten connections to each database."""
    for name in ("catalog", "campaign"):
        url = os.environ[f"BARE_{name.upper()}"]
        pools[name] = await asyncpg.create_pool(
            url, min_size=10, max_size=10, init=_as_json, record_class=asyncpg.Record
        )
    yield
    for pool in pools.values():
        await pool.close()


app = FastAPI(lifespan=lifespan)


def answer(document: Any) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(document, default=str), media_type="application/json")


@app.get("/products")
async def products(category_id: UUID) -> Response:
    """The newest 20 of a category."""
    return answer({"items": [dict(row) for row in await pools["catalog"].fetch(LIST, category_id)]})


@app.get("/products/{product_id}")
async def product(product_id: UUID) -> Response:
    """A product with its SKUs."""
    async with pools["catalog"].acquire() as connection:
        row = await connection.fetchrow(DETAIL, product_id)
        if row is None:
            return Response(status_code=404)
        skus = await connection.fetch(SKUS, product_id)
    return answer({**row, "skus": [dict(sku) for sku in skus]})


@app.get("/search")
async def search(q: str) -> Response:
    """The best-selling 20 with these words in their name or keywords: PostgreSQL's ILIKE."""
    return answer({"items": [dict(row) for row in await pools["catalog"].fetch(SEARCH, f"%{q}%", q)]})


@app.get("/home")
async def home() -> Response:
    """The home page: its layout, the best of the featured categories, coupons, promotions."""
    async with pools["catalog"].acquire() as connection:
        layout = orjson.loads(orjson.dumps(await connection.fetchval(LAYOUT)))
        featured = [
            {"category_id": each, "products": [dict(row) for row in await connection.fetch(BEST, each)]}
            for each in layout["featured_category_ids"]
        ]
    async with pools["campaign"].acquire() as connection:
        templates = await connection.fetch(TEMPLATES)
        promotions = await connection.fetch(PROMOTIONS)
    return answer(
        {
            "storefront": {**layout, "featured_categories": featured},
            "coupon_templates": [dict(row) for row in templates],
            "promotions": [dict(row) for row in promotions],
        }
    )


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
