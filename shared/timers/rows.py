"""Setting durable timers with a transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from shared.connection import Connection
from shared.ids import new_id
from shared.telemetry import traceparent

_SET = text(
    "INSERT INTO timers (id, kind, key, due_at, payload, traceparent)"
    " VALUES (:id, :kind, :key, :due_at, CAST(:payload AS jsonb), :traceparent)"
    " ON CONFLICT (kind, key) DO UPDATE SET due_at = excluded.due_at, payload = excluded.payload,"
    " generation = timers.generation + 1, attempts = 0, leased_until = NULL"
)
_REPLACE = text(f"WITH done AS (DELETE FROM timers WHERE kind = :done AND key = :key) {_SET.text}")
_CANCEL = text("DELETE FROM timers WHERE kind = :kind AND key = :key")


_wakers: dict[str, Callable[[datetime], None]] = {}


def wake_on_commit(database: str, wake: Callable[[datetime], None]) -> None:
    """Have a loop in this process told when a transaction of that database has set timers: when the first is due."""
    _wakers[database] = wake


class TimerRows:
    """Setting and cancelling timers with a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._set_for: list[datetime] = []

    async def set(
        self, kind: str, key: str, *, due_at: datetime, payload: dict[str, Any] | None = None
    ) -> None:
        """Have ``kind`` run for ``key`` at an instant; setting it again moves it."""
        await self._connection.execute(_SET, _values(kind, key, due_at, payload))
        self._set_for.append(due_at)

    async def replace(self, done: str, kind: str, key: str, *, due_at: datetime) -> None:
        """Forget the timer ``done`` of a key, and have ``kind`` run for it at an instant."""
        await self._connection.execute(_REPLACE, {"done": done, **_values(kind, key, due_at, None)})
        self._set_for.append(due_at)

    async def cancel(self, kind: str, key: str) -> None:
        """Forget a timer; nothing happens when there is none."""
        await self._connection.execute(_CANCEL, {"kind": kind, "key": key})

    def wake(self) -> None:
        """Tell the loop of this process, if there is one, what was set."""
        if self._set_for and (wake := _wakers.get(str(self._connection.engine.url.database))):
            wake(min(self._set_for))


def _values(kind: str, key: str, due_at: datetime, payload: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": kind,
        "key": key,
        "due_at": due_at,
        "payload": orjson.dumps(payload or {}, default=str).decode(),
        "traceparent": traceparent(),
    }
