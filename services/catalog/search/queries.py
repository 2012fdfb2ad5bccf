"""Search results as shoppers see them, and what operators learn from searches."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.products.queries import CARD, IN_STOCK
from services.catalog.search.engine import Hits
from shared.http.paging import cursor, position
from shared.http.problems import Invalid

_CARDS = text(f"""
    SELECT {CARD}, h.score + CASE WHEN {IN_STOCK} THEN 50 ELSE 0 END AS position
      FROM unnest(CAST(:ids AS uuid[]), CAST(:scores AS integer[])) AS h(product_id, score)
      JOIN products p ON p.id = h.product_id AND p.status = 'on_sale'
     ORDER BY position DESC, p.id DESC""")
_HOT = text("""
    SELECT query FROM search_queries WHERE searched_on >= :since
     GROUP BY query HAVING max(results) > 0 ORDER BY sum(searches) DESC, query LIMIT :limit""")
_WITHOUT_RESULT = text("""
    SELECT query, sum(searches)::integer AS searches, max(searched_on) AS last_searched_on FROM search_queries
     WHERE searched_on >= :since GROUP BY query HAVING max(results) = 0
     ORDER BY sum(searches) DESC, query LIMIT :limit""")
_HISTORY = text(
    "SELECT query FROM search_history WHERE member_id = :member_id AND query LIKE :prefix"
    " ORDER BY searched_at DESC LIMIT :limit"
)


async def ranked_cards(
    connection: AsyncConnection, hits: Hits, *, after: str | None, limit: int
) -> dict[str, Any]:
    """One page of hits as cards, by relevance, sales and stock; goods that are sold out sink."""
    beyond = _beyond(after)
    values = {
        "ids": [hit.product_id for hit in hits.found],
        "scores": [hit.score for hit in hits.found],
    }
    rows = [dict(row) for row in (await connection.execute(_CARDS, values)).mappings()] if hits.found else []
    ranked = [((row.pop("position"), row["product_id"]), row) for row in rows]
    page = [(place, row) for place, row in ranked if beyond is None or place < beyond][: limit + 1]
    return {
        "items": [row for _, row in page[:limit]],
        "next": cursor(*page[limit - 1][0]) if len(page) > limit else None,
        "is_exact": hits.is_exact,
    }


async def hot_queries(connection: AsyncConnection, *, since: date, limit: int) -> list[str]:
    """What people searched for most, and found."""
    return list((await connection.execute(_HOT, {"since": since, "limit": limit})).scalars())


async def queries_without_result(
    connection: AsyncConnection, *, since: date, limit: int
) -> list[dict[str, Any]]:
    """What people searched for in vain, the most wanted first."""
    rows = await connection.execute(_WITHOUT_RESULT, {"since": since, "limit": limit})
    return [dict(row) for row in rows.mappings()]


async def own_queries(
    connection: AsyncConnection, member_id: UUID, beginning: str, *, limit: int
) -> list[str]:
    """What a member searched for lately that begins so."""
    prefix = beginning.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    values = {"member_id": member_id, "prefix": prefix, "limit": limit}
    return list((await connection.execute(_HISTORY, values)).scalars())


def _beyond(after: str | None) -> tuple[int, UUID] | None:
    if (found := position(after, parts=2)) is None:
        return None
    try:
        return int(found[0]), UUID(found[1])
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error
