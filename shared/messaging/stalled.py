"""Events that a reaction could not apply: waiting for another try, or parked for an operator (K6, K7, E3).

``attempts`` counts the tries that were begun, so that an event which kills its process is found out too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.events.base import Envelope
from shared.messaging.inbox import TooOld
from shared.messaging.reactions import TooEarly

ALONE_AFTER_ATTEMPTS = 2
PARK_AFTER_ATTEMPTS = 8
PARK_EARLY_AFTER = timedelta(days=1)
LONGEST_PAUSE_SECONDS = 300
KILLER = "came back unfinished too often: it may kill its process"

_SUSPECT = text(
    "INSERT INTO stalled_events (reaction, event_id, type, envelope, state, attempts)"
    " SELECT :reaction, e.event_id, e.type, e.envelope, 'suspect', 1 FROM unnest(CAST(:event_ids AS uuid[]),"
    "  CAST(:types AS text[]), CAST(:envelopes AS text[])) AS e (event_id, type, envelope)"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET attempts = stalled_events.attempts + 1, updated_at = now()"
)
_ATTEMPTS = text(
    "SELECT event_id, attempts, state FROM stalled_events WHERE reaction = :reaction AND event_id = ANY(:event_ids)"
)
_FAIL = text(
    "INSERT INTO stalled_events AS s (reaction, event_id, type, envelope, state, attempts, reason, next_attempt_at)"
    " VALUES (:reaction, :event_id, :type, :envelope, 'waiting', CASE WHEN :early THEN 0 ELSE 1 END, :reason,"
    "  now() + interval '1 second')"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET reason = :reason, updated_at = now(),"
    "  attempts = CASE WHEN :early THEN 0 ELSE s.attempts END,"
    "  state = CASE WHEN (:early AND s.stalled_at > now() - CAST(:patience AS interval))"
    "                 OR (NOT :early AND s.attempts < :park_after) THEN 'waiting' ELSE 'parked' END,"
    "  next_attempt_at = now() + make_interval(secs => (0.5 + random()) * least(:longest, CASE"
    "    WHEN :early THEN greatest(1, extract(epoch FROM now() - s.stalled_at)) ELSE power(2, s.attempts) END))"
    " RETURNING state"
)
_PARK = text(
    "INSERT INTO stalled_events (reaction, event_id, type, envelope, state, attempts, reason)"
    " VALUES (:reaction, :event_id, :type, :envelope, 'parked', 1, :reason)"
    " ON CONFLICT (reaction, event_id) DO UPDATE SET state = 'parked', reason = :reason, updated_at = now()"
)
_DUE = text(
    "WITH given_up AS (UPDATE stalled_events SET state = 'parked', reason = :reason, updated_at = now()"
    "  WHERE state = 'waiting' AND next_attempt_at <= now() AND attempts >= :park_after)"
    " UPDATE stalled_events SET attempts = attempts + 1, next_attempt_at = now() + interval '60 seconds',"
    "  updated_at = now()"
    " WHERE (reaction, event_id) = ("  # not IN: a plan may ask such a query again for each row, and take them all
    "  SELECT reaction, event_id FROM stalled_events"
    "  WHERE state = 'waiting' AND next_attempt_at <= now() AND attempts < :park_after AND reaction = ANY(:reactions)"
    "  ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING reaction, envelope"
)
_PARKED = text(
    "SELECT reaction, event_id, type, attempts, reason, stalled_at, updated_at FROM stalled_events"
    " WHERE state = 'parked' AND (CAST(:reaction AS text) IS NULL OR (reaction, event_id) > (:reaction, :event_id))"
    " ORDER BY reaction, event_id LIMIT :limit"
)
_REPLAY = text(
    "UPDATE stalled_events SET state = 'waiting', attempts = 0, next_attempt_at = now(), stalled_at = now(),"
    " updated_at = now() WHERE state = 'parked' AND reaction = :reaction AND event_id = :event_id"
)
_IS_KNOWN = text(
    "SELECT EXISTS (SELECT FROM stalled_events WHERE reaction = :reaction AND event_id = :event_id)"
    " OR EXISTS (SELECT FROM inbox WHERE reaction = :reaction AND event_id = :event_id)"
)


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that was given up on, for an operator to look at."""

    reaction: str
    event_id: UUID
    type: str
    attempts: int
    reason: str | None
    stalled_at: datetime
    parked_at: datetime


class StalledEvents:
    """The ``stalled_events`` of one service, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def suspect(self, reaction: str, envelopes: Sequence[Envelope]) -> set[UUID]:
        """Count a try of redelivered events that are about to be handled together.

        Returns those that came back twice before or are parked: they are left uncounted, to be handled alone.
        """
        by_id = {envelope.id: envelope for envelope in envelopes}
        known = await self._connection.execute(_ATTEMPTS, {"reaction": reaction, "event_ids": list(by_id)})
        often = {
            id_ for id_, attempts, state in known if attempts >= ALONE_AFTER_ATTEMPTS or state == "parked"
        }
        await self._count(reaction, [by_id[id_] for id_ in sorted(by_id.keys() - often)])
        return often

    async def suspect_alone(self, reaction: str, envelope: Envelope) -> bool:
        """Count a try of one event about to be handled by itself; False, and parked, when it came back too often."""
        found = await self._connection.execute(_ATTEMPTS, {"reaction": reaction, "event_ids": [envelope.id]})
        for _, attempts, state in found:
            if state == "parked":
                return False
            if attempts >= PARK_AFTER_ATTEMPTS:
                await self.park(reaction, envelope, KILLER)
                return False
        await self._count(reaction, [envelope])
        return True

    async def _count(self, reaction: str, envelopes: Sequence[Envelope]) -> None:
        if envelopes:
            await self._connection.execute(
                _SUSPECT,
                {
                    "reaction": reaction,
                    "event_ids": [envelope.id for envelope in envelopes],
                    "types": [envelope.type for envelope in envelopes],
                    "envelopes": [envelope.model_dump_json() for envelope in envelopes],
                },
            )

    async def fail(self, reaction: str, envelope: Envelope, error: Exception) -> str:
        """Note that a try failed: the event waits with growing pauses, and is parked after 8 tries; returns the state.

        An event that is too early is never at fault: its tries are not counted, and it is parked after a day. One that is
        too old is parked at once: only a person can know.
        """
        if isinstance(error, TooOld):
            await self.park(reaction, envelope, str(error))
            return "parked"
        row = await self._connection.execute(
            _FAIL,
            _key(reaction, envelope)
            | {
                "reason": _storable(repr(error)),
                "early": isinstance(error, TooEarly),
                "patience": PARK_EARLY_AFTER,
                "park_after": PARK_AFTER_ATTEMPTS,
                "longest": LONGEST_PAUSE_SECONDS,
            },
        )
        return str(row.scalar_one())

    async def park(self, reaction: str, envelope: Envelope, reason: str) -> None:
        """Give an event up until an operator replays it."""
        await self._connection.execute(_PARK, _key(reaction, envelope) | {"reason": _storable(reason)})

    async def due(self, reactions: Sequence[str]) -> tuple[str, Envelope] | None:
        """Take one waiting event of these reactions whose next try is due, and count the try: its reaction and itself.

        One at a time, so that an event which kills the process is the only one that was counted; one that was counted too
        often is parked.
        """
        values = {"reactions": list(reactions), "reason": KILLER, "park_after": PARK_AFTER_ATTEMPTS}
        row = (await self._connection.execute(_DUE, values)).one_or_none()
        return None if row is None else (row.reaction, Envelope.model_validate_json(row.envelope))

    async def parked(
        self, *, after_reaction: str | None, after_event_id: UUID | None, limit: int
    ) -> list[ParkedEvent]:
        """Parked events by reaction and event id, those after a position."""
        rows = await self._connection.execute(
            _PARKED, {"reaction": after_reaction, "event_id": after_event_id, "limit": limit}
        )
        return [ParkedEvent(*row) for row in rows]

    async def replay(self, reaction: str, event_id: UUID) -> bool:
        """Let a parked event be tried again; False when it is not parked."""
        done = await self._connection.execute(_REPLAY, {"reaction": reaction, "event_id": event_id})
        return done.rowcount == 1

    async def is_known(self, reaction: str, event_id: UUID) -> bool:
        """Whether a reaction was ever given an event: it is stalled, or was applied."""
        found = await self._connection.execute(_IS_KNOWN, {"reaction": reaction, "event_id": event_id})
        return bool(found.scalar_one())


def _key(reaction: str, envelope: Envelope) -> dict[str, Any]:
    return {
        "reaction": reaction,
        "event_id": envelope.id,
        "type": envelope.type,
        "envelope": envelope.model_dump_json(),
    }


def _storable(reason: str) -> str:
    """Text that PostgreSQL can keep, whatever an error was about."""
    return reason.replace("\x00", "�")[:2000].encode(errors="replace").decode()
