"""What a clause reads: one snapshot of each database, the part of it that is new, and the present instant."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from audit.checkpoints import Position
from shared.crypto import FieldKeys

Row = asyncpg.Record

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_FETCH = 2_000


class Unreachable(Exception):
    """A database cannot be read: the clauses that need it cannot be checked."""


@dataclass(slots=True)
class Books:
    """The databases as one clause sees them.

    ``position`` says what is new since the last clean run, ``orders`` which older orders are looked at again; ``quiet_at``
    is since when a thing must not have changed to be compared across databases, None at rest; ``is_running`` is whether
    the shop's timers run.
    """

    connections: Mapping[str, "asyncpg.Connection[Row]"]
    unreachable: Mapping[str, str]
    position: Position
    orders: tuple[UUID, ...]
    now: datetime
    quiet_at: datetime | None
    is_running: bool
    field_keys: Mapping[str, FieldKeys]
    rows_read: int = 0
    learned: dict[str, Any] = field(default_factory=dict)
    """What a clause found out that the checkpoint is to remember."""

    async def rows(
        self, service: str, query: str, *, at_once: int = _FETCH, **more: Any
    ) -> AsyncIterator[Row]:
        """The rows of a query, through a cursor; ``:name`` in it stands for a value of the position or of ``more``."""
        text, values = self._bound(query, more)
        async for row in self.connection(service).cursor(text, *values, prefetch=at_once):
            self.rows_read += 1
            yield row

    async def all(self, service: str, query: str, **more: Any) -> list[Row]:
        """All rows of a small query."""
        text, values = self._bound(query, more)
        rows = await self.connection(service).fetch(text, *values)
        self.rows_read += len(rows)
        return rows

    def is_quiet(self, *rows: Mapping[str, Any] | Row | None) -> bool:
        """Whether what these rows (with ``changed_at``) tell of may be compared across databases by now."""
        quiet_at = self.quiet_at
        return quiet_at is None or all(row is None or row["changed_at"] <= quiet_at for row in rows)

    def connection(self, service: str) -> "asyncpg.Connection[Row]":
        """The connection to a service's database; raises Unreachable."""
        if service not in self.connections:
            raise Unreachable(f"the database of {service} cannot be read: {self.unreachable[service]}")
        return self.connections[service]

    def _bound(self, query: str, more: Mapping[str, Any]) -> tuple[str, list[Any]]:
        known = {
            "through": self.position.through,
            "orders": self.orders,
            "floor": self.position.floor,
            "after": self.position.after,
            "now": self.now,
            **more,
        }
        names: list[str] = []

        def number(match: re.Match[str]) -> str:
            name = match[1]
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        text = _PARAMETER.sub(number, query)
        return text, [known[name] for name in names]


def in_scope(column: str) -> str:
    """The SQL condition that an order's id is new or was unfinished when last looked at."""
    return f"({column} > :through OR {column} = ANY(:orders))"


def lines(texts: Iterable[str]) -> str:
    """Texts as one SQL list of literals."""
    return ", ".join(f"'{text}'" for text in texts)
