"""Setting durable timers with a transaction."""

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


class TimerRows:
    """Setting and cancelling timers with a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def set(
        self, kind: str, key: str, *, due_at: datetime, payload: dict[str, Any] | None = None
    ) -> None:
        """Have ``kind`` run for ``key`` at an instant; setting it again moves it."""
        await self._connection.execute(_SET, _values(kind, key, due_at, payload))

    async def replace(self, done: str, kind: str, key: str, *, due_at: datetime) -> None:
        """Forget the timer ``done`` of a key, and have ``kind`` run for it at an instant."""
        await self._connection.execute(_REPLACE, {"done": done, **_values(kind, key, due_at, None)})

    async def cancel(self, kind: str, key: str) -> None:
        """Forget a timer; nothing happens when there is none."""
        await self._connection.execute(_CANCEL, {"kind": kind, "key": key})


def _values(kind: str, key: str, due_at: datetime, payload: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": kind,
        "key": key,
        "due_at": due_at,
        "payload": orjson.dumps(payload or {}, default=str).decode(),
        "traceparent": traceparent(),
    }
