"""The rows of full reductions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.campaign.lifecycle import Status
from services.campaign.promotions.domain import FullReduction, Tier
from services.campaign.scopes import with_scope
from shared.connection import Connection, Row

_COLUMNS = "id, version, status, name, scope_kind, scope_ids, tiers, starts_at, ends_at"
RUNNING = (
    "status = 'running' AND (starts_at IS NULL OR starts_at <= :at) AND (ends_at IS NULL OR ends_at > :at)"
)
"""A full reduction that runs at an instant."""

_FROM = f"SELECT {_COLUMNS} FROM full_reductions"
_LOCK = text(f"{_FROM} WHERE id = :id FOR UPDATE")
_PAGE = text(
    f"{_FROM} WHERE id < :before AND (CAST(:status AS text) IS NULL OR status = :status)"
    " ORDER BY id DESC LIMIT :limit"
)
_RUNNING_PAGE = text(f"{_FROM} WHERE {RUNNING} AND id < :before ORDER BY id DESC LIMIT :limit")
_INSERT = text(
    f"INSERT INTO full_reductions ({_COLUMNS}, created_at, updated_at) VALUES (:id, :version, :status, :name,"
    " :scope_kind, :scope_ids, CAST(:tiers AS jsonb), :starts_at, :ends_at, :at, :at)"
)
_UPDATE = text(
    "UPDATE full_reductions SET version = :version, status = :status, name = :name, scope_kind = :scope_kind,"
    " scope_ids = :scope_ids, tiers = CAST(:tiers AS jsonb), starts_at = :starts_at, ends_at = :ends_at,"
    " updated_at = :at WHERE id = :id"
)


class FullReductions:
    """All full reductions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, full_reduction_id: UUID) -> FullReduction | None:
        """One rule; nobody else changes it until this transaction ends."""
        row = (await self._connection.execute(_LOCK, {"id": full_reduction_id})).one_or_none()
        return _full_reduction(row) if row else None

    async def page(self, *, before: UUID, status: Status | None, limit: int) -> Sequence[FullReduction]:
        """Rules before an id, newest first."""
        values = {"before": before, "status": status, "limit": limit}
        return [_full_reduction(row) for row in (await self._connection.execute(_PAGE, values))]

    async def running_page(self, *, at: datetime, before: UUID, limit: int) -> Sequence[FullReduction]:
        """Rules before an id that run now, newest first."""
        values = {"at": at, "before": before, "limit": limit}
        rows = await self._connection.execute(_RUNNING_PAGE, values)
        return [_full_reduction(row) for row in rows]

    async def insert(self, full_reduction: FullReduction, *, at: datetime) -> None:
        """Store a new rule."""
        await self._connection.execute(_INSERT, _values(full_reduction, at))

    async def save(self, full_reduction: FullReduction, *, at: datetime) -> None:
        """Store a locked rule as changed."""
        await self._connection.execute(_UPDATE, _values(full_reduction, at))


def _values(full_reduction: FullReduction, at: datetime) -> dict[str, Any]:
    values = asdict(full_reduction)
    scope = values.pop("scope")
    return values | {
        "scope_kind": scope["kind"],
        "scope_ids": list(scope["ids"]),
        "tiers": orjson.dumps(values["tiers"]).decode(),
        "at": at,
    }


def _full_reduction(row: Row) -> FullReduction:
    values = with_scope(row)
    tiers = tuple(Tier(**tier) for tier in values["tiers"])
    return FullReduction(**values | {"status": Status(values["status"]), "tiers": tiers})
