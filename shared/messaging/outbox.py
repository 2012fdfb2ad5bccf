"""Announcing is a row in the transaction (K2); the relay does the rest.

What a reaction announces has an id that follows from the event it reacts to. So a service whose database was set back, and
that reacts once more, says nothing that others have not heard (P9).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from shared.connection import Connection
from shared.events.base import Event
from shared.ids import derived_id, new_id
from shared.telemetry import traceparent

_ADD = text(
    "INSERT INTO outbox (event_id, type, subject, envelope)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:subjects AS text[]),"
    " CAST(:envelopes AS text[]))"
)

_causes: ContextVar[Callable[[Event], UUID] | None] = ContextVar("causes", default=None)

Wake = Callable[[Sequence[Event]], None]
"""Is told what a transaction has announced."""

_wakers: dict[str, Wake] = {}


def wake_on_commit(database: str, wake: Wake) -> None:
    """Have a relay in this process woken when a transaction of that database has announced something."""
    _wakers[database] = wake


@contextmanager
def caused_by(reaction: str, event_id: UUID) -> Iterator[None]:
    """Have what is announced in this block follow from a reaction to an event."""
    told: Counter[str] = Counter()

    def next_id(event: Event) -> UUID:
        what = f"{reaction} {event.type} {getattr(event, event.subject)}"
        told[what] += 1
        return derived_id(event_id, f"{what} {told[what]}")

    token = _causes.set(next_id)
    try:
        yield
    finally:
        _causes.reset(token)


class Outbox:
    """The events of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._announced: list[Event] = []

    async def add(self, *events: Event, at: datetime) -> list[UUID]:
        """Announce events with this transaction; returns their ids."""
        if not events:
            return []
        trace = traceparent()
        next_id = _causes.get()
        ids = [new_id() if next_id is None else next_id(event) for event in events]
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
        self._announced += events
        return ids

    def wake(self) -> None:
        """Tell the relay of this process, if there is one, that there is work."""
        if self._announced and (wake := _wakers.get(str(self._connection.engine.url.database))):
            wake(self._announced)


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
