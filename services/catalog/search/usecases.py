"""Keeping the search index in step with the goods."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.catalog.search.engine import Document, SearchEngine
from services.catalog.search.postgres import PostgresSearch
from shared.connection import Connection, Row
from shared.database import UnitOfWork

engine: SearchEngine = PostgresSearch()
"""The search engine in use."""

REINDEX = "reindex-category"

_ON_SALE = text("""
    SELECT p.id, p.product_code, p.name, p.subtitle, p.brand, p.keywords, p.sales,
           (SELECT array_agg(a.name) FROM categories a WHERE a.id = ANY(c.path)) AS categories,
           (SELECT array_agg(v ->> 'value') FROM jsonb_array_elements(p.attributes) v) AS attributes,
           (SELECT array_agg(s.sku_code) FROM skus s WHERE s.product_id = p.id AND s.is_active) AS sku_codes
      FROM products p JOIN categories c ON c.id = p.category_id
     WHERE p.id = ANY(:ids) AND p.status = 'on_sale'""")
_BELOW = text("""
    SELECT p.id FROM products p JOIN categories c ON c.id = p.category_id
     WHERE :category_id = ANY(c.path) AND p.id > :after ORDER BY p.id LIMIT :limit""")
_FORGET = text("DELETE FROM search_history WHERE member_id = :member_id")


async def index_products(connection: Connection, product_ids: Sequence[UUID]) -> None:
    """Make products findable as they are now; those not on sale are forgotten."""
    documents = [_document(row) for row in await connection.execute(_ON_SALE, {"ids": list(product_ids)})]
    await engine.index(connection, documents)
    gone = set(product_ids) - {document.product_id for document in documents}
    await engine.remove(connection, gone)


async def reindex_category(work: UnitOfWork, category_id: UUID, *, at: datetime) -> None:
    """Have the worker index the products in and below a category anew."""
    await work.timers.set(REINDEX, str(category_id), due_at=at)


async def products_below(connection: Connection, category_id: UUID, *, after: UUID, limit: int) -> list[UUID]:
    """The ids of products in a category or below it, in order."""
    values = {"category_id": category_id, "after": after, "limit": limit}
    return list((await connection.execute(_BELOW, values)).scalars())


async def forget_history(connection: Connection, member_id: UUID) -> None:
    """Forget what a member searched for."""
    await connection.execute(_FORGET, {"member_id": member_id})


def _document(row: Row) -> Document:
    terms = [*row.keywords, *row.categories, *([row.brand] if row.brand else [])]
    texts = [*terms, row.subtitle or "", *(row.attributes or ()), row.product_code, *(row.sku_codes or ())]
    return Document(row.id, row.name, texts, terms, row.sales)
