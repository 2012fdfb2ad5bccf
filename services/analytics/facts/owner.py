"""The owner of the facts: moves buffered rows into the engine, and answers questions as of now.

A row is inserted unless the engine has its event id already, then dropped from the buffer. Killed between the two, the owner
finds the rows in the engine and only drops them. That question costs one look at the instants of the batch (50 ms for 5,000
rows, nothing for the queries), where de-duplicating while querying would cost every query.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncEngine

from services.analytics.facts.buffer import BufferedFact, FactBuffer, emptying
from services.analytics.facts.engine import FactsEngine, FactsUnavailable
from services.analytics.facts.tables import TABLES, FactTable
from shared.database import reading

log = logging.getLogger(__name__)

BATCH = 5_000
ANSWER_SECONDS = 30
PAUSE_SECONDS = 1.0
PAUSE_AFTER_FAILURE_SECONDS = 10.0


class Facts:
    """The facts as of now. As a context it keeps the buffer small in the background."""

    def __init__(self, database: AsyncEngine, engine: FactsEngine, *, buffer_rows: int) -> None:
        self._database = database
        self._engine = engine
        self._buffer_rows = buffer_rows
        self._flushing = asyncio.Lock()
        self._flushes: set[asyncio.Task[int]] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_small())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await asyncio.gather(*self._flushes, return_exceptions=True)
        await self._engine.close()

    async def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a query over everything committed before it was asked. Raises FactsUnavailable."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.flush()
                return await self._engine.query(sql, parameters)
        except TimeoutError as error:
            raise FactsUnavailable("The question takes too long; ask for fewer days.") from error

    async def flush(self) -> int:
        """Move every buffered fact into the engine; returns how many. Goes on to its end when the caller is cancelled."""
        flush = asyncio.create_task(self._flush())
        self._flushes.add(flush)
        flush.add_done_callback(self._flushes.discard)
        return await asyncio.shield(flush)

    async def flush_if_due(self) -> int:
        """Flush when the engine is up anyway, or when the buffer has grown beyond its size."""
        enough = 1 if self._engine.is_started else self._buffer_rows
        async with reading(self._database) as connection:
            waiting = await FactBuffer(connection).waiting(at_most=enough)
        return await self.flush() if waiting >= enough else 0

    async def _flush(self) -> int:
        moved = 0
        async with self._flushing, emptying(self._database) as buffer:
            while facts := await buffer.oldest(BATCH):
                await self._insert(facts)
                await buffer.forget(facts)
                moved += len(facts)
        return moved

    async def _insert(self, facts: Sequence[BufferedFact]) -> None:
        by_table: defaultdict[str, list[BufferedFact]] = defaultdict(list)
        for fact in facts:
            by_table[fact.table].append(fact)
        for name, rows in by_table.items():
            await self._insert_missing(TABLES[name], rows)

    async def _insert_missing(self, table: FactTable, facts: Sequence[BufferedFact]) -> None:
        instants = [fact.happened_at for fact in facts]
        present = await self._engine.present(
            table, [fact.event_id for fact in facts], since=min(instants), until=max(instants)
        )
        missing = [fact.json for fact in facts if fact.event_id not in present]
        if missing:
            await self._engine.insert(table, missing)

    async def _keep_small(self) -> None:
        while True:
            try:
                await self.flush_if_due()
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:
                log.warning("facts wait in the buffer", extra={"error": repr(error)[:300]})
                await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)
