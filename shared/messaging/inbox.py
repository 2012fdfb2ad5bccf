"""Reacting is claim-then-do: a redelivery changes nothing (K2)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_CLAIM = text(
    "WITH forgotten AS (DELETE FROM stalled_events WHERE reaction = :reaction AND event_id = ANY(:event_ids)"
    " RETURNING event_id, state)"
    " INSERT INTO inbox (reaction, event_id) SELECT :reaction, unnest(CAST(:event_ids AS uuid[]))"
    " ON CONFLICT DO NOTHING RETURNING event_id, event_id < (SELECT below FROM pruned WHERE what = :reaction)"
    " AND event_id NOT IN (SELECT event_id FROM forgotten WHERE state = 'waiting') AS is_too_old"
)


class TooOld(Exception):
    """An event from a time of which the claims are forgotten (`shared/pruning.py`): it may have been applied then."""

    def __init__(self) -> None:
        super().__init__("older than what this reaction remembers; replay it, alone, if it was never applied")


class Inbox:
    """The claims of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, reaction: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """Claim events for a reaction; only those not yet claimed come back, to be handled now. Earlier stalls are over.

        Raises TooOld for one that is not claimed, and may have been before claims of its time were forgotten; but those
        that wait since were never applied.
        """
        rows = await self._connection.execute(_CLAIM, {"reaction": reaction, "event_ids": sorted(event_ids)})
        if any(row.is_too_old for row in rows):
            raise TooOld
        return {row.event_id for row in rows}
