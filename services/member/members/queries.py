"""Reading members together with their level, points and phone."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.member.levels.storage import ALL_LEVELS
from shared.connection import Connection, Row
from shared.http.problems import NotFound

_OVERVIEW = (
    "SELECT m.id, m.nickname, m.birthday_on, m.registered_at, g.growth, p.spendable, p.held, p.owed, ph.phone_sealed"
    " FROM members m JOIN growth_accounts g ON g.member_id = m.id JOIN points_accounts p ON p.member_id = m.id"
    " LEFT JOIN phones ph ON ph.member_id = m.id"
)
_ONE = text(f"{_OVERVIEW} WHERE m.id = :id")
_PAGE = text(f"{_OVERVIEW} WHERE m.id < :before ORDER BY m.id DESC LIMIT :limit")
_STANDING = text(
    "SELECT g.growth, p.spendable, r.points_per_yuan, r.points_max_ratio_bp, a.id AS address_id, a.details_sealed,"
    f" {ALL_LEVELS} AS levels"
    " FROM growth_accounts g JOIN points_accounts p ON p.member_id = g.member_id CROSS JOIN point_rules r"
    " LEFT JOIN addresses a ON a.member_id = g.member_id AND a.is_default"
    " WHERE g.member_id = :id"
)
_OPENID = text("SELECT openid FROM wechat_identities WHERE member_id = :id AND appid = :appid")


async def overview(connection: Connection, member_id: UUID) -> Row:
    """A member with level, points and phone; raises NotFound."""
    row = (await connection.execute(_ONE, {"id": member_id})).one_or_none()
    if row is None:
        raise NotFound()
    return row


async def newest_first(connection: Connection, *, before: UUID, limit: int) -> Sequence[Row]:
    """Members registered before one, the newest first."""
    return await connection.execute(_PAGE, {"before": before, "limit": limit})


async def standing(connection: Connection, member_id: UUID) -> Row:
    """What checkout needs of a member, in one row; raises NotFound."""
    row = (await connection.execute(_STANDING, {"id": member_id})).one_or_none()
    if row is None:
        raise NotFound()
    return row


async def openid_of(connection: Connection, member_id: UUID, *, appid: str) -> str:
    """The member's openid in one mini-program; raises NotFound."""
    openid: str | None = (
        await connection.execute(_OPENID, {"id": member_id, "appid": appid})
    ).scalar_one_or_none()
    if openid is None:
        raise NotFound()
    return openid
