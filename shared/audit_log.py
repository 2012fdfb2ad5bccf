"""Who changed what, and when: an append-only, hash-chained log of operators' changes (SEC14, V5)."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import new_id

_CHAIN_LOCK = 0x6A697368
_LAST = text("SELECT hash FROM audit_log ORDER BY position DESC LIMIT 1")
_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
_APPEND = text(
    "INSERT INTO audit_log (id, at, actor_id, actor_roles, action, subject, before, after, previous_hash, hash)"
    " VALUES (:id, :at, :actor_id, :actor_roles, :action, :subject,"
    " CAST(:before AS jsonb), CAST(:after AS jsonb), :previous_hash, :hash)"
)


class AuditLog:
    """Appends to the ``audit_log`` table of one service."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(
        self,
        action: str,
        subject: str,
        *,
        actor_id: UUID | None,
        actor_roles: list[str],
        at: datetime,
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Append one change; ``before`` and ``after`` are JSON values without personal data."""
        await self._connection.execute(_LOCK, {"lock": _CHAIN_LOCK})
        previous = (await self._connection.execute(_LAST)).scalar_one_or_none() or ""
        entry = {
            "id": str(new_id()),
            "at": at.isoformat(),
            "actor_id": str(actor_id) if actor_id else None,
            "actor_roles": actor_roles,
            "action": action,
            "subject": subject,
            "before": before,
            "after": after,
        }
        await self._connection.execute(
            _APPEND,
            entry
            | {
                "id": UUID(str(entry["id"])),
                "at": at,
                "actor_id": actor_id,
                "before": _json(before),
                "after": _json(after),
                "previous_hash": previous,
                "hash": chain_hash(previous, entry),
            },
        )


def chain_hash(previous: str, entry: dict[str, Any]) -> str:
    """The hash that ties an entry to the one before it."""
    body = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value, default=str).decode()
