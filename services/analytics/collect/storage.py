"""The ids that were taken in, the facts they became, and what was refused."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.analytics.collect.domain import Accepted, Refused
from services.analytics.facts.buffer import FactBuffer
from shared.connection import Connection

_TAKE = text(
    "INSERT INTO behaviour_event_ids (event_id, digest, received_at)"
    " SELECT event_id, digest, :received_at"
    " FROM unnest(CAST(:event_ids AS uuid[]), CAST(:digests AS bytea[])) AS given (event_id, digest)"
    " ORDER BY event_id ON CONFLICT DO NOTHING RETURNING event_id"
)
_DIGESTS = text("SELECT event_id, digest FROM behaviour_event_ids WHERE event_id = ANY(:event_ids)")
_QUARANTINE = text(
    "INSERT INTO quarantined_events (reason, detail, event, received_at)"
    " SELECT reason, detail, event, :received_at"
    " FROM unnest(CAST(:reasons AS text[]), CAST(:details AS text[]), CAST(:events AS text[]))"
    " AS refused (reason, detail, event)"
)
_FORGET_IDS = text(
    "DELETE FROM behaviour_event_ids WHERE event_id = ANY(ARRAY("
    " SELECT event_id FROM behaviour_event_ids WHERE received_at < :before LIMIT :most))"
)
_FORGET_QUARANTINE = text(
    "DELETE FROM quarantined_events WHERE id = ANY(ARRAY("
    " SELECT id FROM quarantined_events WHERE received_at < :before ORDER BY received_at LIMIT :most))"
)


class Intake:
    """What came in from clients."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, events: Sequence[Accepted], *, received_at: datetime) -> set[UUID]:
        """Buffer the events whose ids are new; returns those ids."""
        if not events:
            return set()
        values = {
            "event_ids": [event.fact.event_id for event in events],
            "digests": [event.digest for event in events],
            "received_at": received_at,
        }
        fresh = set((await self._connection.execute(_TAKE, values)).scalars())
        await FactBuffer(self._connection).add(event.fact for event in events if event.fact.event_id in fresh)
        return fresh

    async def digests(self, event_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """What the first copies of these events were."""
        if not event_ids:
            return {}
        rows = await self._connection.execute(_DIGESTS, {"event_ids": list(event_ids)})
        return {row.event_id: row.digest for row in rows}

    async def quarantine(
        self, refused: Sequence[tuple[Refused, str | None]], *, received_at: datetime
    ) -> None:
        """Keep refused events with their reasons; an event is kept only where it holds nothing personal."""
        if refused:
            values = {
                "reasons": [refusal.reason for refusal, _ in refused],
                "details": [refusal.detail for refusal, _ in refused],
                "events": [event for _, event in refused],
                "received_at": received_at,
            }
            await self._connection.execute(_QUARANTINE, values)

    async def forget(self, *, before: datetime, most: int) -> bool:
        """Drop some ids that no client can send again, and some old refusals; False when nothing is left to drop."""
        dropped = 0
        for statement in (_FORGET_IDS, _FORGET_QUARANTINE):
            done = await self._connection.execute(statement, {"before": before, "most": most})
            dropped += done.rowcount
        return dropped > 0
