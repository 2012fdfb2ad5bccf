"""WeChat identities: one member per (appid, openid) and per unionid (L6)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_FIND = text(
    "SELECT i.member_id, m.nickname, EXISTS (SELECT FROM wechat_unionids WHERE unionid = :unionid) AS knows_unionid"
    " FROM wechat_identities i JOIN members m ON m.id = i.member_id"
    " WHERE i.appid = :appid AND i.openid = :openid"
)
_BY_UNIONID = text(
    "SELECT u.member_id, m.nickname FROM wechat_unionids u JOIN members m ON m.id = u.member_id"
    " WHERE u.unionid = :unionid"
)
_KEEP = text(
    "INSERT INTO wechat_identities (appid, openid, member_id, session_key_sealed, first_login_at, last_login_at)"
    " VALUES (:appid, :openid, :member_id, :session_key_sealed, :at, :at)"
    " ON CONFLICT (appid, openid) DO UPDATE"
    " SET session_key_sealed = excluded.session_key_sealed, last_login_at = excluded.last_login_at"
)
_LINK = text(
    "INSERT INTO wechat_unionids (unionid, member_id, linked_at) VALUES (:unionid, :member_id, :at)"
    " ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Known:
    """The member behind an identity."""

    member_id: UUID
    nickname: str | None
    knows_unionid: bool


class Identities:
    """The identities of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, name: str) -> None:
        """Let one login of a person at a time decide who they are; ends with the transaction."""
        await self._connection.execute(_LOCK, {"name": name})

    async def find(self, appid: str, openid: str, *, unionid: str | None) -> Known | None:
        """The member of an identity, and whether the unionid has one already."""
        found = await self._connection.execute(_FIND, {"appid": appid, "openid": openid, "unionid": unionid})
        row = found.one_or_none()
        return None if row is None else Known(row.member_id, row.nickname, row.knows_unionid)

    async def find_by_unionid(self, unionid: str) -> Known | None:
        """The member linked to a unionid, whom another of the shop's apps registered."""
        row = (await self._connection.execute(_BY_UNIONID, {"unionid": unionid})).one_or_none()
        return None if row is None else Known(row.member_id, row.nickname, knows_unionid=True)

    async def keep(
        self, appid: str, openid: str, *, member_id: UUID, session_key_sealed: str, at: datetime
    ) -> None:
        """Keep an identity, or the new session key of a known one."""
        await self._connection.execute(
            _KEEP,
            {
                "appid": appid,
                "openid": openid,
                "member_id": member_id,
                "session_key_sealed": session_key_sealed,
                "at": at,
            },
        )

    async def link(self, unionid: str, member_id: UUID, *, at: datetime) -> None:
        """Link a unionid to a member, unless one of them is linked already: the first link stays."""
        await self._connection.execute(_LINK, {"unionid": unionid, "member_id": member_id, "at": at})
