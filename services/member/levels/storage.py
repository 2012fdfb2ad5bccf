"""The levels, and the growth ledger with its guarded balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.member.levels.domain import Level, Perk, PerkKind
from shared.connection import Connection
from shared.http.problems import NotFound
from shared.ids import new_id

_ALL = text("SELECT code, name, threshold_growth, discount_bp, perks FROM member_levels ORDER BY position")
ALL_LEVELS = "(SELECT json_agg(every ORDER BY every.position) FROM member_levels AS every)"
"""SQL for all levels as one JSON array, whose elements `to_level` reads."""
_LOCK = text("LOCK TABLE member_levels IN SHARE ROW EXCLUSIVE MODE")
_CLEAR = text("DELETE FROM member_levels")
_ADD = text(
    "INSERT INTO member_levels (position, code, name, threshold_growth, discount_bp, perks)"
    " VALUES (:position, :code, :name, :threshold_growth, :discount_bp, CAST(:perks AS jsonb))"
)
_OPEN = text("INSERT INTO growth_accounts (member_id, growth) VALUES (:member_id, 0)")
_GROWTH = text("SELECT growth FROM growth_accounts WHERE member_id = :member_id")
_MOVE = text(f"""
    WITH moved AS (
      SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:member_ids AS uuid[]), CAST(:growth AS bigint[]),
        CAST(:source_ids AS text[])) AS m (id, member_id, growth, source_id)
    ), entries AS (
      INSERT INTO growth_entries (id, member_id, growth, kind, source_type, source_id, at)
      SELECT id, member_id, growth, :kind, :source_type, source_id, :at FROM moved
    ), after AS (
      UPDATE growth_accounts a SET growth = a.growth + s.growth
        FROM (SELECT member_id, sum(growth)::bigint AS growth FROM moved GROUP BY member_id) s
       WHERE a.member_id = s.member_id RETURNING a.member_id, a.growth
    )
    SELECT (SELECT json_object_agg(member_id, growth) FROM after) AS growth, {ALL_LEVELS} AS levels""")


class GrowthKind(StrEnum):
    """Why growth moved."""

    EARN = "earn"
    TAKE_BACK = "take_back"


class Levels:
    """The shop's levels, lowest first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> list[Level]:
        """All levels by rising thresholds."""
        return [to_level(row) for row in await self._connection.execute(_ALL)]

    async def lock(self) -> None:
        """Let one operator at a time change the levels."""
        await self._connection.execute(_LOCK)

    async def replace(self, levels: Sequence[Level]) -> None:
        """Write all levels anew."""
        await self._connection.execute(_CLEAR)
        rows = [
            level.document()
            | {"position": position, "perks": orjson.dumps(level.document()["perks"]).decode()}
            for position, level in enumerate(levels, start=1)
        ]
        await self._connection.execute_many(_ADD, rows)


def to_level(row: Any) -> Level:
    """The level in a row of its columns."""
    perks = tuple(Perk(PerkKind(perk["kind"]), perk["text"]) for perk in row["perks"])
    return Level(row["code"], row["name"], row["threshold_growth"], row["discount_bp"], perks)


@dataclass(frozen=True, slots=True)
class GrowthMove:
    """So much growth, more or less, for a member from one source."""

    member_id: UUID
    growth: int
    source_id: str


class Growth:
    """The growth of members: an append-only ledger and its balance."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, member_id: UUID) -> None:
        """The balance of a new member."""
        await self._connection.execute(_OPEN, {"member_id": member_id})

    async def of(self, member_id: UUID) -> int:
        """A member's growth; raises NotFound."""
        growth: int | None = (
            await self._connection.execute(_GROWTH, {"member_id": member_id})
        ).scalar_one_or_none()
        if growth is None:
            raise NotFound()
        return growth

    async def move(
        self, kind: GrowthKind, moves: Sequence[GrowthMove], *, source_type: str, at: datetime
    ) -> tuple[dict[UUID, int], list[Level]]:
        """Add entries (negative takes growth back), once per source and kind; the growth after them, and the levels."""
        row = (
            await self._connection.execute(
                _MOVE,
                {
                    "ids": [new_id() for _ in moves],
                    "member_ids": [move.member_id for move in moves],
                    "growth": [move.growth for move in moves],
                    "source_ids": [move.source_id for move in moves],
                    "kind": kind,
                    "source_type": source_type,
                    "at": at,
                },
            )
        ).one()
        return (
            {UUID(member_id): growth for member_id, growth in row.growth.items()},
            [to_level(level) for level in row.levels],
        )
