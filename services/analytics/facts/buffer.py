"""Facts on their way: durable rows in PostgreSQL, written in the transaction of what they tell of."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.analytics.facts.domain import Fact
from shared.connection import Connection
from shared.database import committing_each

_FLUSH_LOCK = 0x66616374
_ADD = text(
    "INSERT INTO fact_buffer (event_id, fact_table, happened_at, fact)"
    " SELECT * FROM unnest(CAST(:event_ids AS uuid[]), CAST(:tables AS text[]), CAST(:instants AS timestamptz[]),"
    " CAST(:facts AS text[])) ON CONFLICT (event_id) DO NOTHING"
)
_OLDEST = text(
    "SELECT position, event_id, fact_table, happened_at, fact FROM fact_buffer ORDER BY position LIMIT :limit"
)
_FORGET = text("DELETE FROM fact_buffer WHERE position = ANY(:positions)")
_WAITING = text("SELECT count(*) FROM (SELECT FROM fact_buffer ORDER BY position LIMIT :limit) AS waiting")
"""By the index, as each second asks: the table keeps the pages of what has gone until its next vacuum."""
_LOCK = text("SELECT pg_advisory_lock(:lock)")
_UNLOCK = text("SELECT pg_advisory_unlock(:lock)")


@dataclass(frozen=True, slots=True)
class BufferedFact:
    """One waiting row, as JSON for its table."""

    position: int
    event_id: UUID
    table: str
    happened_at: datetime
    json: str


class FactBuffer:
    """The waiting facts, within a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, facts: Iterable[Fact]) -> None:
        """Have facts recorded, each once by its event id."""
        facts = list(facts)
        if facts:
            values = {
                "event_ids": [fact.event_id for fact in facts],
                "tables": [fact.table.name for fact in facts],
                "instants": [fact.happened_at for fact in facts],
                "facts": [fact.json() for fact in facts],
            }
            await self._connection.execute(_ADD, values)

    async def oldest(self, limit: int) -> list[BufferedFact]:
        """The facts that wait longest."""
        return [BufferedFact(*row) for row in await self._connection.execute(_OLDEST, {"limit": limit})]

    async def forget(self, facts: Sequence[BufferedFact]) -> None:
        """Drop facts that the engine has."""
        await self._connection.execute(_FORGET, {"positions": [fact.position for fact in facts]})

    async def waiting(self, *, at_most: int) -> int:
        """How many facts wait; counts no further than ``at_most``."""
        return int((await self._connection.execute(_WAITING, {"limit": at_most})).scalar_one())


@asynccontextmanager
async def emptying(engine: AsyncEngine) -> AsyncIterator[FactBuffer]:
    """The buffer for the one process that may move its rows; others wait until it is done or dead.

    The lock belongs to the connection, not to a transaction: none is open while the engine is called.
    """
    async with committing_each(engine) as connection:
        await connection.execute(_LOCK, {"lock": _FLUSH_LOCK})
        try:
            yield FactBuffer(connection)
        except BaseException:
            await connection.invalidate()
            raise
        await connection.execute(_UNLOCK, {"lock": _FLUSH_LOCK})
