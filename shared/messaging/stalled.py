"""Events that a reaction could not apply: waiting for another try, or parked for an operator (K6, K7, E3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.base import Envelope
from shared.messaging.reactions import TooEarly

ALONE_AFTER_ATTEMPTS = 2
PARK_AFTER_ATTEMPTS = 8
PARK_EARLY_AFTER = timedelta(days=1)
LONGEST_PAUSE_SECONDS = 300

_SUSPECT = text(
    "INSERT INTO stalled_events (reaction, event_id, type, envelope, state, attempts, next_attempt_at)"
    " VALUES (:reaction, :event_id, :type, :envelope, 'suspect', 1, NULL)"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET attempts = stalled_events.attempts + 1, updated_at = now()"
)
_ATTEMPTS = text(
    "SELECT event_id, attempts, state FROM stalled_events WHERE reaction = :reaction AND event_id = ANY(:event_ids)"
)
_FAIL = text(
    "INSERT INTO stalled_events AS s (reaction, event_id, type, envelope, state, attempts, reason, next_attempt_at)"
    " VALUES (:reaction, :event_id, :type, :envelope, 'waiting', 1, :reason, now() + interval '1 second')"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET"
    "  attempts = s.attempts + CASE WHEN s.state = 'suspect' THEN 0 ELSE 1 END, reason = :reason, updated_at = now(),"
    "  state = CASE WHEN (:early AND s.stalled_at > now() - CAST(:patience AS interval))"
    "                 OR (NOT :early AND s.attempts + 1 < :park_after) THEN 'waiting' ELSE 'parked' END,"
    "  next_attempt_at = now() + make_interval(secs =>"
    "    least(:longest, power(2, least(s.attempts, 12))) * (0.5 + random()))"
    " RETURNING state"
)
_PARK = text(
    "INSERT INTO stalled_events (reaction, event_id, type, envelope, state, attempts, reason)"
    " VALUES (:reaction, :event_id, :type, :envelope, 'parked', 1, :reason)"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET state = 'parked', reason = :reason, updated_at = now()"
)
_FORGET = text("DELETE FROM stalled_events WHERE reaction = :reaction AND event_id = ANY(:event_ids)")
_DUE = text(
    "UPDATE stalled_events SET next_attempt_at = now() + interval '60 seconds' WHERE (reaction, event_id) IN ("
    " SELECT reaction, event_id FROM stalled_events WHERE state = 'waiting' AND next_attempt_at <= now()"
    " ORDER BY next_attempt_at LIMIT 20 FOR UPDATE SKIP LOCKED) RETURNING reaction, envelope"
)
_PARKED = text(
    "SELECT reaction, event_id, type, attempts, reason, stalled_at FROM stalled_events"
    " WHERE state = 'parked' ORDER BY stalled_at LIMIT :limit"
)
_REPLAY = text(
    "UPDATE stalled_events SET state = 'waiting', attempts = 0, next_attempt_at = now(), updated_at = now()"
    " WHERE state = 'parked' AND reaction = :reaction AND event_id = :event_id"
)


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that was given up on, for an operator to look at."""

    reaction: str
    event_id: UUID
    type: str
    attempts: int
    reason: str | None
    stalled_at: Any


class StalledEvents:
    """The ``stalled_events`` of one service, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def suspect(self, reaction: str, envelopes: Sequence[Envelope]) -> set[UUID]:
        """Count a try of redelivered events that are about to be handled together.

        Returns those that came back twice before or are parked: they are left uncounted, to be handled alone.
        """
        known = await self._connection.execute(
            _ATTEMPTS, {"reaction": reaction, "event_ids": [envelope.id for envelope in envelopes]}
        )
        often = {
            id_ for id_, attempts, state in known if attempts >= ALONE_AFTER_ATTEMPTS or state == "parked"
        }
        counted = [_key(reaction, envelope) for envelope in envelopes if envelope.id not in often]
        if counted:
            await self._connection.execute(_SUSPECT, sorted(counted, key=lambda key: key["event_id"]))
        return often

    async def suspect_alone(self, reaction: str, envelope: Envelope) -> bool:
        """Count a try of one event about to be handled by itself; False, and parked, when it came back too often."""
        found = await self._connection.execute(_ATTEMPTS, {"reaction": reaction, "event_ids": [envelope.id]})
        for _, attempts, state in found:
            if state == "parked":
                return False
            if attempts >= PARK_AFTER_ATTEMPTS:
                await self.park(reaction, envelope, "came back unfinished too often: it may kill its process")
                return False
        await self._connection.execute(_SUSPECT, _key(reaction, envelope))
        return True

    async def fail(self, reaction: str, envelope: Envelope, error: Exception) -> str:
        """Note a failure: the event waits with growing pauses and is parked after 8 attempts; returns the state."""
        row = await self._connection.execute(
            _FAIL,
            _key(reaction, envelope)
            | {
                "reason": repr(error)[:2000],
                "early": isinstance(error, TooEarly),
                "patience": PARK_EARLY_AFTER,
                "park_after": PARK_AFTER_ATTEMPTS,
                "longest": LONGEST_PAUSE_SECONDS,
            },
        )
        return str(row.scalar_one())

    async def park(self, reaction: str, envelope: Envelope, reason: str) -> None:
        """Give an event up until an operator replays it."""
        await self._connection.execute(_PARK, _key(reaction, envelope) | {"reason": reason[:2000]})

    async def forget(self, reaction: str, event_ids: Sequence[UUID]) -> None:
        """These were applied at last."""
        await self._connection.execute(_FORGET, {"reaction": reaction, "event_ids": list(event_ids)})

    async def due(self) -> list[tuple[str, Envelope]]:
        """Take waiting events whose next attempt is due; each as (reaction, envelope)."""
        rows = await self._connection.execute(_DUE)
        return [(reaction, Envelope.model_validate_json(envelope)) for reaction, envelope in rows]

    async def parked(self, *, limit: int = 100) -> list[ParkedEvent]:
        """The oldest parked events."""
        return [ParkedEvent(*row) for row in await self._connection.execute(_PARKED, {"limit": limit})]

    async def replay(self, reaction: str, event_id: UUID) -> bool:
        """Let a parked event be tried again; False when there is none."""
        done = await self._connection.execute(_REPLAY, {"reaction": reaction, "event_id": event_id})
        return done.rowcount == 1


def _key(reaction: str, envelope: Envelope) -> dict[str, Any]:
    return {
        "reaction": reaction,
        "event_id": envelope.id,
        "type": envelope.type,
        "envelope": envelope.model_dump_json(),
    }
