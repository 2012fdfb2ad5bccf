"""What earlier runs have verified, so that the next one reads only what is new: a JSON file, never in a database.

A run's *horizon* lies ten minutes before its snapshot: no transaction lives so long (K17), so everything with an older
UUIDv7 is in the snapshot. Rows counted by a sequence have no such instant: their highest number at one run becomes a
boundary at the first run ten minutes later.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

VERSION = 1
MARGIN = timedelta(minutes=10)
NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a group of clauses has come.

    ``through``: everything with a smaller id was verified, but for the ``orders`` that were not finished then, of which
    none smaller than ``floor`` was unpaid; ``after``: rows up to this number were verified; ``seen`` was the highest number
    at ``seen_at``; ``carried`` are sums and hashes as of ``after``.
    """

    through: UUID = NOTHING
    orders: tuple[UUID, ...] = ()
    floor: UUID = NOTHING
    after: int = 0
    seen: int = 0
    seen_at: datetime | None = None
    carried: Mapping[str, Any] = field(default_factory=dict)

    def ripe(self, now: datetime) -> int:
        """The number up to which all rows are there for certain."""
        is_ripe = self.seen_at is not None and self.seen_at <= now - MARGIN
        return self.seen if is_ripe else self.after

    def counted(self, now: datetime, highest: int, **carried: Any) -> "Position":
        """The position once the rows up to ``ripe`` are verified and carried, and ``highest`` was seen."""
        if self.seen_at is not None and self.seen_at > now - MARGIN:
            return self
        return replace(self, after=self.ripe(now), seen=highest, seen_at=now, carried=carried)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The positions of all groups, and whose databases they are of."""

    databases: Mapping[str, str]
    positions: Mapping[str, Position]

    def position(self, group: str | None) -> Position:
        """Where a group's clauses begin; at the very beginning for those that have no group."""
        return self.positions.get(group or "", Position())


def horizon(now: datetime) -> UUID:
    """The UUIDv7 below which every row of a snapshot taken now is there."""
    return UUID(int=int((now - MARGIN).timestamp() * 1000) << 80)


def instant(horizon: UUID) -> datetime:
    """The instant of a horizon."""
    return datetime.fromtimestamp((horizon.int >> 80) / 1000, UTC)


def read_checkpoint(path: Path, databases: Mapping[str, str]) -> Checkpoint:
    """What was verified of exactly these databases; nothing when the file is not there, or tells of others."""
    empty = Checkpoint(dict(databases), {})
    if not path.exists():
        return empty
    document = json.loads(path.read_text())
    if document["version"] != VERSION or document["databases"] != dict(databases):
        return empty
    return Checkpoint(
        dict(databases), {name: _position(stored) for name, stored in document["positions"].items()}
    )


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole or not at all."""
    document = {
        "version": VERSION,
        "written_at": datetime.now(UTC).isoformat(),
        "databases": dict(checkpoint.databases),
        "positions": {name: asdict(position) for name, position in checkpoint.positions.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with new.open("w") as file:
        json.dump(document, file, default=_plain)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _position(stored: Mapping[str, Any]) -> Position:
    seen_at = stored["seen_at"]
    return Position(
        through=UUID(stored["through"]),
        orders=tuple(map(UUID, stored["orders"])),
        floor=UUID(stored["floor"]),
        after=stored["after"],
        seen=stored["seen"],
        seen_at=None if seen_at is None else datetime.fromisoformat(seen_at),
        carried=stored["carried"],
    )
