"""Copies of the products that are there, straight into the catalog's database, by the hundred thousand."""

import asyncpg

from benchmarks.references.running import plain
from deploy.local.postgres_roles import DatabaseUrls

COPIES_A_STATEMENT = 20

BASE = """
CREATE TABLE made_products AS SELECT row_number() OVER (ORDER BY id) AS n, p.* FROM products p
  WHERE status = 'on_sale' AND product_code LIKE 'B%';
CREATE TABLE made_skus AS SELECT m.n, row_number() OVER (PARTITION BY m.n ORDER BY s.id) AS l, s.*
  FROM skus s JOIN made_products m ON m.id = s.product_id;
CREATE TABLE made_documents AS SELECT m.n, d.* FROM search_documents d JOIN made_products m ON m.id = d.product_id;
CREATE FUNCTION copy_id(what integer, k bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('0190' || lpad(to_hex(k), 8, '0') || '7' || lpad(to_hex(what), 3, '0') || '8000'
    || lpad(to_hex(n), 12, '0'))::uuid $$;
"""

_COPIES = "generate_series($1::bigint, $2::bigint) k"
COPY = (
    "INSERT INTO products (id, product_code, name, subtitle, brand, description, category_id, options, media, attributes,"
    " keywords, status, min_price_fen, max_price_fen, created_at, updated_at, published_at)"
    " SELECT copy_id(1, k, n), 'C' || k || '-' || n, name || ' ' || k, subtitle, brand, description, category_id, options,"
    " media, attributes, keywords, status, min_price_fen, max_price_fen, created_at, updated_at,"
    f" published_at - k * interval '1 minute' FROM made_products, {_COPIES}",
    "INSERT INTO skus (id, product_id, sku_code, options, price_fen, weight_grams, updated_at)"
    " SELECT copy_id(1 + l::integer, k, n), copy_id(1, k, n), 'C' || k || '-' || n || '-' || l, options, price_fen,"
    f" weight_grams, updated_at FROM made_skus, {_COPIES}",
    "INSERT INTO stock_levels (sku_id, on_hand) SELECT copy_id(1 + l::integer, k, n), 1000"
    f" FROM made_skus, {_COPIES}",
    "INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)"
    " SELECT copy_id(1 + l::integer, k, n), 'receive', 1000, 0, 0, 'sku', copy_id(1 + l::integer, k, n), now()"
    f" FROM made_skus, {_COPIES}",
    "INSERT INTO search_documents (product_id, name, haystack, tokens, terms, sales)"
    f" SELECT copy_id(1, k, n), name || ' ' || k, haystack, tokens, terms, 0 FROM made_documents, {_COPIES}",
)


class ManyProducts:
    """The copies so far."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self._url = plain(urls.owner)
        self._copies = 0

    async def grow(self, products: int) -> None:
        """Until there are at least so many products."""
        connection = await asyncpg.connect(self._url)
        try:
            if not self._copies:
                await connection.execute(BASE)
            originals = await connection.fetchval("SELECT count(*) FROM made_products")
            wanted = -(-products // originals) - 1
            for first in range(self._copies + 1, wanted + 1, COPIES_A_STATEMENT):
                last = min(first + COPIES_A_STATEMENT - 1, wanted)
                for statement in COPY:
                    await connection.execute(statement, first, last)
            await connection.execute(
                "UPDATE suggestion_terms SET products = products / ($1 + 1) * ($2 + 1)", self._copies, wanted
            )
            self._copies = wanted
        finally:
            await connection.close()
