"""Reading a member's points."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection, Row
from shared.http.problems import NotFound

_OVERVIEW = text(
    "SELECT a.spendable, a.held, a.owed, r.points_per_yuan, r.points_max_ratio_bp,"
    "  next.expires_at, next.points AS expiring_points"
    " FROM points_accounts a CROSS JOIN point_rules r LEFT JOIN LATERAL ("
    "  SELECT expires_at, sum(remaining) AS points FROM points_lots"
    "  WHERE member_id = a.member_id AND remaining > 0 GROUP BY expires_at ORDER BY expires_at LIMIT 1) AS next ON true"
    " WHERE a.member_id = :member_id"
)
_ENTRIES = text(
    "SELECT id, kind, CASE WHEN to_account = 'spendable' THEN points ELSE -points END AS points,"
    " CASE WHEN source_type = 'order' THEN CAST(source_id AS uuid) END AS order_id, reason, at"
    " FROM points_transfers WHERE member_id = :member_id AND id < :before"
    " AND 'spendable' IN (from_account, to_account) ORDER BY id DESC LIMIT :limit"
)


async def points_overview(connection: Connection, member_id: UUID) -> Row:
    """A member's balance, what points are worth, and what expires next; raises NotFound."""
    row = (await connection.execute(_OVERVIEW, {"member_id": member_id})).one_or_none()
    if row is None:
        raise NotFound()
    return row


async def spendable_entries(
    connection: Connection, member_id: UUID, *, before: UUID, limit: int
) -> Sequence[Row]:
    """What moved a member's spendable points, the newest first."""
    values = {"member_id": member_id, "before": before, "limit": limit}
    return await connection.execute(_ENTRIES, values)
