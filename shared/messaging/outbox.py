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

_following: ContextVar["_Following | None"] = ContextVar("following", default=None)

Wake = Callable[[Sequence[Event]], None]
"""Is told what a transaction has announced."""

_wakers: dict[str, Wake] = {}


def wake_on_commit(database: str, wake: Wake) -> None:
    """Have a relay in this process woken when a transaction of that database has announced something."""
    _wakers[database] = wake


class _Following:
    """Gives what a reaction announces ids that follow from the events it reacts to."""

    def __init__(self, reaction: str, cause: UUID | None) -> None:
        self._reaction, self._cause = reaction, cause
        self._told: Counter[tuple[UUID, str]] = Counter()

    def ids(self, events: Sequence[Event], causes: Sequence[UUID] | None) -> list[UUID]:
        """The ids of events, each with its own cause unless all have the one of this block."""
        if causes is None:
            if self._cause is None:
                raise ValueError(f"{self._reaction} has to say what each event follows from")
            causes = [self._cause] * len(events)
        return [self._next_id(event, cause) for event, cause in zip(events, causes, strict=True)]

    def _next_id(self, event: Event, cause: UUID) -> UUID:
        what = f"{self._reaction} {event.type} {getattr(event, event.subject)}"
        self._told[cause, what] += 1
        return derived_id(cause, f"{what} {self._told[cause, what]}")


@contextmanager
def caused_by(reaction: str, event_id: UUID | None = None) -> Iterator[None]:
    """Have what is announced in this block follow from a reaction to an event.

    A reaction to many events at once names none here, and tells `Outbox.add` the cause of each that it announces.
    """
    token = _following.set(_Following(reaction, event_id))
    try:
        yield
    finally:
        _following.reset(token)


class Outbox:
    """The events of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._announced: list[Event] = []

    async def add(self, *events: Event, at: datetime, causes: Sequence[UUID] | None = None) -> list[UUID]:
        """Announce events with this transaction; returns their ids.

        In a reaction to many events `causes` are the ids of those that each of these follows from.
        """
        if not events:
            return []
        trace = traceparent()
        following = _following.get()
        ids = [new_id() for _ in events] if following is None else following.ids(events, causes)
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
