"""Who changed what, and when: an append-only, hash-chained log of operators' changes (SEC14, V5)."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy import text

from shared.connection import Connection
from shared.http.identity import Principal
from shared.ids import new_id

_CHAIN_LOCK = 0x6A697368
_LAST = text("SELECT hash FROM audit_log ORDER BY position DESC LIMIT 1")
_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
_APPEND = text(
    "INSERT INTO audit_log (id, at, actor_id, actor_roles, action, subject, before, after, previous_hash, hash)"
    " VALUES (:id, :at, :actor_id, :actor_roles, :action, :subject,"
    " CAST(:before AS jsonb), CAST(:after AS jsonb), :previous_hash, :hash)"
)
_ENTRIES = text(
    "SELECT position, id, at, actor_id, actor_roles, action, subject, before, after, previous_hash, hash FROM audit_log"
    " WHERE (CAST(:before_position AS bigint) IS NULL OR position < :before_position)"
    " AND (CAST(:subject AS text) IS NULL OR subject = :subject) ORDER BY position DESC LIMIT :limit"
)
_CHAIN = text(
    "SELECT position, id, at, actor_id, actor_roles, action, subject, before, after, previous_hash, hash FROM audit_log"
    " WHERE position > :position ORDER BY position LIMIT 1000"
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One recorded change; its hash covers everything in it and the hash of the entry before."""

    position: int
    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_roles: list[str]
    action: str
    subject: str
    before: Any
    after: Any
    previous_hash: str
    hash: str


class AuditLog:
    """The ``audit_log`` of one service: appended to, read, and proved."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(
        self,
        action: str,
        subject: str,
        *,
        by: Principal,
        at: datetime,
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Append one change: ``product.publish`` of ``product/<id>``, ``noun.verb`` of ``noun/<id>``.

        ``before`` and ``after`` are pydantic models, dataclasses or JSON values, without personal data.
        """
        await self._connection.execute(_LOCK, {"lock": _CHAIN_LOCK})
        previous = (await self._connection.execute(_LAST)).scalar_one_or_none() or ""
        entry = {
            "id": str(new_id()),
            "at": at.astimezone(UTC).isoformat(),
            "actor_id": str(by.subject) if by.subject else None,
            "actor_roles": sorted(by.roles),
            "action": action,
            "subject": subject,
            "before": _json_value(before),
            "after": _json_value(after),
        }
        await self._connection.execute(
            _APPEND,
            entry
            | {
                "id": UUID(str(entry["id"])),
                "at": at,
                "actor_id": by.subject,
                "before": _json(entry["before"]),
                "after": _json(entry["after"]),
                "previous_hash": previous,
                "hash": chain_hash(previous, entry),
            },
        )

    async def entries(
        self, *, subject: str | None = None, before_position: int | None = None, limit: int
    ) -> list[AuditEntry]:
        """The newest entries, or those before a position; of one subject, when it is given."""
        rows = await self._connection.execute(
            _ENTRIES, {"subject": subject, "before_position": before_position, "limit": limit}
        )
        return [AuditEntry(*row) for row in rows]

    async def first_broken(self) -> int | None:
        """The position of the first entry that was changed, or whose predecessor was removed; None when all is well (V5)."""
        previous, position = "", 0
        while entries := [
            AuditEntry(*row) for row in await self._connection.execute(_CHAIN, {"position": position})
        ]:
            for entry in entries:
                if entry.previous_hash != previous or entry.hash != _hash_of(entry):
                    return entry.position
                previous, position = entry.hash, entry.position
        return None


def _hash_of(entry: AuditEntry) -> str:
    return chain_hash(
        entry.previous_hash,
        {
            "id": str(entry.id),
            "at": entry.at.astimezone(UTC).isoformat(),
            "actor_id": str(entry.actor_id) if entry.actor_id else None,
            "actor_roles": entry.actor_roles,
            "action": entry.action,
            "subject": entry.subject,
            "before": entry.before,
            "after": entry.after,
        },
    )


def chain_hash(previous: str, entry: dict[str, Any]) -> str:
    """The hash that ties an entry to the one before it."""
    body = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _json_value(value: Any) -> Any:
    """What reading the entry back gives, so that its hash can be proved."""
    return orjson.loads(orjson.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
