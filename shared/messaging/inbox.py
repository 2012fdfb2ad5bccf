"""Reacting is claim-then-do: a redelivery changes nothing (K2)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CLAIM = text(
    "INSERT INTO inbox (reaction, event_id) SELECT :reaction, unnest(CAST(:event_ids AS uuid[]))"
    " ON CONFLICT DO NOTHING RETURNING event_id"
)


class Inbox:
    """The claims of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, reaction: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """Claim events for a reaction; only those not yet claimed come back, to be handled now."""
        claimed = await self._connection.execute(
            _CLAIM, {"reaction": reaction, "event_ids": sorted(event_ids)}
        )
        return set(claimed.scalars())
