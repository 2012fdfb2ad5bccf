"""Waiting until everything that was announced has been reacted to, by the books of all services."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import asyncpg

from benchmarks.references.running import plain
from benchmarks.shop import Shop
from deploy.layout import SERVICES
from deploy.reactions import all_reactions

POLL_SECONDS = 0.2
SETTLE_SECONDS = 120.0

_NEW = (
    "SELECT type, array_agg(event_id) AS ids, count(sent_at) = count(*) AS is_sent FROM outbox"
    " WHERE id > $1 GROUP BY type"
)
_DONE = "SELECT count(*) FROM inbox WHERE reaction = $1 AND event_id = ANY($2::uuid[])"

Connections = Mapping[str, "asyncpg.Connection[asyncpg.Record]"]


class NotSettled(TimeoutError):
    """Something announced was not reacted to in time."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What is announced after this was made has to settle."""

    connections: Connections
    positions: Mapping[str, int]
    reactions: Mapping[str, list[str]]
    """The reactions to each type of event."""

    @classmethod
    async def from_now_on(cls, shop: Shop) -> Self:
        """Remember how far every outbox is."""
        connections = {name: await asyncpg.connect(plain(shop.database(name).owner)) for name in SERVICES}
        positions = {
            name: await connection.fetchval("SELECT coalesce(max(id), 0) FROM outbox")
            for name, connection in connections.items()
        }
        reactions: dict[str, list[str]] = {}
        for reaction in all_reactions():
            for type_ in reaction.types:
                reactions.setdefault(type_.type, []).append(reaction.name)
        return cls(connections, positions, reactions)

    async def wait(self) -> int:
        """Wait; how many events there were. Raises NotSettled."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while (events := await self._settled()) is None:
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise NotSettled(f"not all events were reacted to within {SETTLE_SECONDS:.0f} s") from error
        return events

    async def close(self) -> None:
        """Let go of the databases."""
        for connection in self.connections.values():
            await connection.close()

    async def _settled(self) -> int | None:
        """How many events there were when all are done, else None; what reactions announced is there by then."""
        events = 0
        for name, connection in self.connections.items():
            for row in await connection.fetch(_NEW, self.positions[name]):
                if not row["is_sent"] or not await self._done(row["type"], row["ids"]):
                    return None
                events += len(row["ids"])
        return events

    async def _done(self, type_: str, ids: list[object]) -> bool:
        for reaction in self.reactions.get(type_, ()):
            connection = self.connections[reaction.split(".", 1)[0]]
            if await connection.fetchval(_DONE, reaction, ids) < len(ids):
                return False
        return True
