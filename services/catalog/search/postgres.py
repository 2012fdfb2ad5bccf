"""The search engine in PostgreSQL: a GIN index over our own tokens, with a recheck of the text."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text

from services.catalog.search.engine import MOST_HITS, Document, Hit, Hits
from services.catalog.search.terms import SuggestionTerms, known_terms, terms_beginning, terms_like
from services.catalog.search.words import (
    MAX_QUERY,
    MAX_WORDS,
    all_required,
    candidates,
    cut,
    is_han,
    normalised,
    one_slip,
    runs,
    tokens_of,
)
from shared.connection import Connection

FEW_HITS = 10
"""With fewer hits than this, a query is cut into words that need not stand together."""

_OLD_TERMS = text(
    "SELECT terms FROM search_documents WHERE product_id = ANY(:ids) ORDER BY product_id FOR UPDATE"
)
_SAVE = text("""
    INSERT INTO search_documents (product_id, name, haystack, tokens, terms, sales)
    SELECT product_id, name, haystack, array_to_tsvector(tokens), terms, sales
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(product_id uuid, name text, haystack text, tokens text[],
           terms text[], sales integer) ORDER BY product_id
    ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, haystack = excluded.haystack,
           tokens = excluded.tokens, terms = excluded.terms, sales = excluded.sales""")
_REMOVE = text("DELETE FROM search_documents WHERE product_id = ANY(:ids)")
_RANK = text("""
    WITH locked AS MATERIALIZED (
      SELECT product_id FROM search_documents WHERE product_id = ANY(:ids) ORDER BY product_id FOR UPDATE
    )
    UPDATE search_documents d SET sales = p.sales FROM locked k JOIN products p ON p.id = k.product_id
     WHERE d.product_id = k.product_id""")


def _find(name_score: str) -> TextClause:
    return text(f"""
        SELECT product_id, {name_score} + least(40, CAST(5 * ln(1 + sales) AS integer)) AS score FROM search_documents
         WHERE tokens @@ CAST(CAST(:condition AS text) AS tsquery) AND haystack LIKE ALL(CAST(:patterns AS text[]))
         ORDER BY score DESC, product_id DESC LIMIT {MOST_HITS}""")


_FIND = _find(
    "CASE WHEN name LIKE :whole THEN 100 WHEN name LIKE ALL(CAST(:patterns AS text[])) THEN 60 ELSE 0 END"
)
_FIND_SIMILAR = _find(
    "10 * (SELECT CAST(count(*) AS integer) FROM unnest(CAST(:parts AS text[])) AS c WHERE name LIKE c)"
)


class PostgresSearch:
    """Documents and suggestion terms in the catalog's own database, changed with the products themselves."""

    async def index(self, connection: Connection, documents: Sequence[Document]) -> None:
        if not documents:
            return
        rows = [_row(document) for document in documents]
        old = await self._old_terms(connection, [document.product_id for document in documents])
        await connection.execute(_SAVE, {"rows": orjson.dumps(rows, default=str).decode()})
        new = [term for row in rows for term in row["terms"]]
        await SuggestionTerms(connection).recount(gone=old, come=new)

    async def rank_by_sales(self, connection: Connection, product_ids: Collection[UUID]) -> None:
        await connection.execute(_RANK, {"ids": list(product_ids)})

    async def remove(self, connection: Connection, product_ids: Collection[UUID]) -> None:
        if not product_ids:
            return
        old = await self._old_terms(connection, product_ids)
        await connection.execute(_REMOVE, {"ids": list(product_ids)})
        await SuggestionTerms(connection).recount(gone=old, come=[])

    async def find(self, connection: Connection, query: str) -> Hits:
        query = normalised(query)[:MAX_QUERY]
        words = runs(query)[:MAX_WORDS]
        if not words:
            return Hits([], is_exact=True)
        found = await self._containing(connection, query, words)
        if len(found) < FEW_HITS:
            finer = await self._cut(connection, words)
            if finer != words:
                words, found = finer, await self._containing(connection, query, finer)
        if found:
            return Hits(found, is_exact=True)
        return Hits(await self._similar(connection, query, words), is_exact=False)

    async def suggest(self, connection: Connection, beginning: str, *, limit: int) -> list[str]:
        return await terms_beginning(connection, normalised(beginning)[:MAX_QUERY], limit=limit)

    async def _containing(self, connection: Connection, query: str, words: list[str]) -> list[Hit]:
        patterns, whole = [f"%{word}%" for word in words], f"%{'%'.join(runs(query))}%"
        values = {"condition": all_required(words), "patterns": patterns, "whole": whole}
        return [Hit(*row) for row in await connection.execute(_FIND, values)]

    async def _cut(self, connection: Connection, words: list[str]) -> list[str]:
        """The words of a query, those in Han characters cut into the shop's own terms."""
        long = [word for word in words if is_han(word) and len(word) > 2]
        if not long:
            return words
        parts = {part for word in long for part in candidates(word)}
        known = await known_terms(connection, parts)
        return [part for word in words for part in (cut(word, known) if word in long else [word])]

    async def _similar(self, connection: Connection, query: str, words: list[str]) -> list[Hit]:
        """What the query may have meant: a term that sounds or looks like it, else all of it but one slip."""
        if not any(is_han(word) for word in words):
            terms = await terms_like(connection, query.replace(" ", ""))
            condition = " | ".join(f"({all_required(found)})" for term in terms if (found := runs(term)))
            parts = [f"%{term}%" for term in terms]
        else:
            condition = one_slip(words) or ""
            parts = [f"%{part}%" for part in sorted({part for word in words for part in _parts(word)})]
        if not condition:
            return []
        values = {"condition": condition, "patterns": [], "parts": parts}
        return [Hit(*row) for row in await connection.execute(_FIND_SIMILAR, values)]

    async def _old_terms(self, connection: Connection, product_ids: Collection[UUID]) -> list[str]:
        rows = await connection.execute(_OLD_TERMS, {"ids": sorted(product_ids)})
        return [term for terms in rows.scalars() for term in terms]


def _parts(word: str) -> Collection[str]:
    return word if is_han(word) else [word]


def _row(document: Document) -> dict[str, Any]:
    name = normalised(document.name)
    haystack = " ".join([name, *map(normalised, document.texts)])
    return {
        "product_id": document.product_id,
        "name": name,
        "haystack": haystack,
        "tokens": sorted(tokens_of(haystack)),
        "terms": sorted({term for each in document.terms if (term := normalised(each))}),
        "sales": document.sales,
    }
