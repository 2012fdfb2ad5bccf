"""Announcing is a row in the transaction (K2); the relay does the rest."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.base import Event
from shared.ids import new_id
from shared.telemetry import traceparent

_ADD = text(
    "INSERT INTO outbox (event_id, type, subject, envelope)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:subjects AS text[]),"
    " CAST(:envelopes AS text[]))"
)

_wakers: dict[str, Callable[[], None]] = {}


def wake_on_commit(database: str, wake: Callable[[], None]) -> None:
    """Have a relay in this process woken when a transaction of that database has announced something."""
    _wakers[database] = wake


class Outbox:
    """The events of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._announced = False

    async def add(self, *events: Event, at: datetime) -> list[UUID]:
        """Announce events with this transaction; returns their ids."""
        if not events:
            return []
        trace = traceparent()
        ids = [new_id() for _ in events]
        envelopes = [
            encode(event, id=id_, at=at, trace=trace) for event, id_ in zip(events, ids, strict=True)
        ]
        await self._connection.execute(
            _ADD,
            {
                "ids": ids,
                "types": [event.type for event in events],
                "subjects": [str(getattr(event, event.subject)) for event in events],
                "envelopes": envelopes,
            },
        )
        self._announced = True
        return ids

    def wake(self) -> None:
        """Tell the relay of this process, if there is one, that there is work."""
        if self._announced and (wake := _wakers.get(str(self._connection.engine.url.database))):
            wake()


def encode(event: Event, *, id: UUID, at: datetime, trace: str | None = None) -> str:
    """One event as a CloudEvents JSON object."""
    envelope: dict[str, object] = {
        "specversion": "1.0",
        "id": id,
        "source": f"jishi/{event.announced_by}",
        "type": event.type,
        "time": at,
        "subject": str(getattr(event, event.subject)),
        "data": event.model_dump(mode="json"),
    }
    if trace is not None:
        envelope["traceparent"] = trace
    return orjson.dumps(envelope).decode()
