"""Search results as shoppers see them, and what operators learn from searches."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.catalog.products.queries import CARD, IN_STOCK
from services.catalog.search.engine import Hits
from shared.connection import Connection
from shared.http.paging import following, place_after, whole_number

_CARDS = text(f"""
    WITH ranked AS (
      SELECT p.id, h.score + CASE WHEN {IN_STOCK} THEN 50 ELSE 0 END AS position
        FROM unnest(CAST(:ids AS uuid[]), CAST(:scores AS integer[])) AS h(product_id, score)
        JOIN products p ON p.id = h.product_id AND p.status = 'on_sale'
    ), page AS (
      SELECT * FROM ranked WHERE CAST(:position AS integer) IS NULL
          OR (position, id) < (CAST(:position AS integer), CAST(:id AS uuid))
       ORDER BY position DESC, id DESC LIMIT :limit
    )
    SELECT {CARD}, page.position FROM page JOIN products p ON p.id = page.id ORDER BY page.position DESC, p.id DESC""")
_HOT = text("""
    SELECT query FROM search_queries WHERE searched_on >= :since
     GROUP BY query HAVING max(results) > 0 ORDER BY sum(searches) DESC, query LIMIT :limit""")
_WITHOUT_RESULT = text("""
    SELECT query, sum(searches)::integer AS searches, max(searched_on) AS last_searched_on FROM search_queries
     WHERE searched_on >= :since GROUP BY query HAVING max(results) = 0
     ORDER BY sum(searches) DESC, query LIMIT :limit""")
_HISTORY = text(
    "SELECT query FROM search_history WHERE member_id = :member_id AND query LIKE :beginning"
    " ORDER BY searched_at DESC LIMIT :limit"
)


async def ranked_cards(
    connection: Connection, hits: Hits, *, after: str | None, limit: int
) -> dict[str, Any]:
    """One page of hits as cards, by relevance, sales and stock; goods that are sold out sink."""
    position, id_ = place_after(after, whole_number(below=2**31), UUID) or [None, None]
    values = {
        "ids": [hit.product_id for hit in hits.found],
        "scores": [hit.score for hit in hits.found],
        "position": position,
        "id": id_,
        "limit": limit + 1,
    }
    rows = [dict(row) for row in await connection.execute(_CARDS, values)]
    places = [(row.pop("position"), row["product_id"]) for row in rows]
    next_ = following(places, limit, place=lambda place: place)
    return {"items": rows[:limit], "next": next_, "is_exact": hits.is_exact}


async def hot_queries(connection: Connection, *, since: date, limit: int) -> list[str]:
    """What people searched for most, and found."""
    return (await connection.execute(_HOT, {"since": since, "limit": limit})).scalars()


async def queries_without_result(connection: Connection, *, since: date, limit: int) -> list[dict[str, Any]]:
    """What people searched for in vain, the most wanted first."""
    rows = await connection.execute(_WITHOUT_RESULT, {"since": since, "limit": limit})
    return [dict(row) for row in rows]


async def own_queries(connection: Connection, member_id: UUID, beginning: str, *, limit: int) -> list[str]:
    """What a member searched for lately that begins so."""
    prefix = beginning.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    values = {"member_id": member_id, "beginning": prefix, "limit": limit}
    return (await connection.execute(_HISTORY, values)).scalars()
