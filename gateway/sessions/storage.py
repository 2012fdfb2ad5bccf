"""The sessions table."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.http.identity import Kind, Principal
from shared.ids import new_id

_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(:kind || :subject, 0))")
_OPEN = text(
    "INSERT INTO sessions (token_digest, id, kind, subject_id, wechat_openid, created_at, last_seen_at, expires_at)"
    " VALUES (:digest, :id, :kind, :subject_id, :wechat_openid, :at, :at, :expires_at)"
)
_KEEP_NEWEST = text(
    "DELETE FROM sessions WHERE kind = :kind AND subject_id = :subject_id AND token_digest NOT IN ("
    " SELECT token_digest FROM sessions WHERE kind = :kind AND subject_id = :subject_id"
    " ORDER BY created_at DESC, id DESC LIMIT :keep)"
)
_FIND = text(
    "SELECT s.token_digest, s.id, s.kind, s.subject_id, s.wechat_openid, s.last_seen_at, s.expires_at,"
    " coalesce(o.roles, '{}') AS roles FROM sessions s"
    " LEFT JOIN operators o ON s.kind = 'operator' AND o.id = s.subject_id"
    " WHERE s.token_digest = ANY(:digests) AND s.expires_at > :at AND s.last_seen_at > :idle_since"
    " AND (s.kind <> 'operator' OR o.is_active)"
)
_TOUCH = text("UPDATE sessions SET last_seen_at = :at WHERE token_digest = :digest AND last_seen_at < :at")
_CLOSE = text("DELETE FROM sessions WHERE token_digest = :digest")
_CLOSE_ALL = text("DELETE FROM sessions WHERE kind = :kind AND subject_id = :subject_id")
_SWEEP = text("DELETE FROM sessions WHERE expires_at <= :at OR last_seen_at <= :idle_since")

TOKEN_BYTES = 32


def digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Session:
    """A login that is still good."""

    principal: Principal
    last_seen_at: datetime


class Sessions:
    """The sessions within one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(
        self,
        kind: Kind,
        subject_id: UUID,
        *,
        wechat_openid: str | None,
        at: datetime,
        lasts: timedelta,
        keep: int,
    ) -> tuple[str, datetime]:
        """A new login and when it ends at the latest; the oldest beyond ``keep`` end now."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = at + lasts
        subject = {"kind": kind.value, "subject_id": subject_id}
        await self._connection.execute(_TAKE_TURNS, {"kind": kind.value, "subject": str(subject_id)})
        await self._connection.execute(
            _OPEN,
            subject
            | {
                "digest": digest(token),
                "id": new_id(),
                "wechat_openid": wechat_openid,
                "at": at,
                "expires_at": expires_at,
            },
        )
        await self._connection.execute(_KEEP_NEWEST, subject | {"keep": keep})
        return token, expires_at

    async def find(
        self, token_digests: Sequence[bytes], *, at: datetime, idle: timedelta
    ) -> dict[bytes, Session]:
        """The live sessions behind digests; an operator's roles are those of this moment."""
        values = {"digests": list(token_digests), "at": at, "idle_since": at - idle}
        return {
            row.token_digest: Session(
                Principal(Kind(row.kind), row.subject_id, row.id, frozenset(row.roles), row.wechat_openid),
                row.last_seen_at,
            )
            for row in await self._connection.execute(_FIND, values)
        }

    async def touch(self, token_digest: bytes, *, at: datetime) -> None:
        """The session was used."""
        await self._connection.execute(_TOUCH, {"digest": token_digest, "at": at})

    async def close(self, token_digest: bytes) -> None:
        """Log out."""
        await self._connection.execute(_CLOSE, {"digest": token_digest})

    async def close_all(self, kind: Kind, subject_id: UUID) -> None:
        """End every login of somebody (ban, erasure, password change)."""
        await self._connection.execute(_CLOSE_ALL, {"kind": kind.value, "subject_id": subject_id})

    async def sweep(self, *, at: datetime, idle: timedelta) -> int:
        """Forget sessions that ended by themselves; returns how many."""
        return (await self._connection.execute(_SWEEP, {"at": at, "idle_since": at - idle})).rowcount
