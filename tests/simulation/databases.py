"""Real PostgreSQL on the simulated clock: transactions one after another, crashes between any two statements.

A transaction runs to its end without anybody between, so nobody ever waits for a lock; processes take turns only between
transactions.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.simulation.processes import undisturbed
from tests.simulation.world import World

NEWS = tuple(
    f"{verb} {table}"
    for verb in ("INSERT INTO", "UPDATE")
    for table in ("outbox", "timers", "stalled_events")
)
"""How a statement begins after which something may be due."""


class SimulatedDatabase:
    """Stands before a service's engine; the `watchers` learn when something new may be due."""

    def __init__(self, name: str, engine: AsyncEngine) -> None:
        self.name = name
        self._engine = engine
        self.world: World
        self.watchers: list[asyncio.Event] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["SimulatedConnection"]:
        """A connection, once it is this task's turn; what was not committed is rolled back at the end."""
        await self.world.gate(f"{self.name} database")
        with self.world.loop.working():
            real = await self._engine.connect()
            try:
                yield SimulatedConnection(real, self)
            finally:
                await undisturbed(real.close())

    async def raw_connection(self) -> "SimulatedRawConnection":
        """asyncpg's own connection, for services/catalog/straight.py."""
        await self.world.gate(f"{self.name} database")
        working = ExitStack()
        working.enter_context(self.world.loop.working())
        pooled = await self._engine.raw_connection()
        return SimulatedRawConnection(pooled, self, working.close)


class SimulatedConnection:
    """A connection whose process may die before every statement, before and after every commit."""

    def __init__(self, real: AsyncConnection, database: SimulatedDatabase) -> None:
        self._real = real
        self._database = database
        self._is_autocommit = False
        self._is_news = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def execution_options(self, **options: Any) -> "SimulatedConnection":
        """Only the isolation level is ever set."""
        await self._real.execution_options(**options)
        self._is_autocommit = options.get("isolation_level") == "AUTOCOMMIT"
        return self

    async def execute(self, statement: Any, *values: Any, **more: Any) -> Any:
        """One statement; with autocommit the process may also die after it took effect."""
        world, said = self._database.world, str(getattr(statement, "text", statement))
        words = " ".join(said[:80].split())[:60]
        world.crash_point(f"before {words}")
        if "now()" in said:
            await self._tell_time()
        done = await self._real.execute(statement, *values, **more)
        self._is_news = self._is_news or (done.rowcount > 0 and said.startswith(NEWS))
        if self._is_autocommit:
            world.note(f"{self._database.name}: {words} ({done.rowcount})")
            self._tell_watchers()
            world.crash_point("after that")
        return done

    def _tell_watchers(self) -> None:
        if self._is_news:
            for watcher in self._database.watchers:
                watcher.set()
        self._is_news = False

    async def _tell_time(self) -> None:
        """What `now()` says in this session; see preparation.py."""
        raw = await self._real.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(
            f"SET simulation.now = '{self._database.world.clock.now().isoformat()}'"
        )

    async def commit(self) -> None:
        """Commit, unless the process dies before; nobody may learn of it when it dies after."""
        world = self._database.world
        world.crash_point("before commit")
        await self._real.commit()
        world.note(f"{self._database.name}: commit")
        self._tell_watchers()
        world.crash_point("after commit")

    async def invalidate(self) -> None:
        """A dead process's connection is gone, and PostgreSQL rolls back."""
        await undisturbed(self._real.rollback())


class SimulatedRawConnection:
    """A pooled connection of asyncpg's, whose statements are transactions of their own."""

    def __init__(self, pooled: Any, database: SimulatedDatabase, closed: Callable[[], None]) -> None:
        self._pooled = pooled
        self._database = database
        self._closed = closed

    @property
    def driver_connection(self) -> "SimulatedRawConnection":
        return self

    async def fetch(self, query: str, *values: Any) -> Any:
        return await self._ask("fetch", query, values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        return await self._ask("fetchrow", query, values)

    async def fetchval(self, query: str, *values: Any) -> Any:
        return await self._ask("fetchval", query, values)

    async def _ask(self, how: str, query: str, values: Any) -> Any:
        world = self._database.world
        world.crash_point("before a straight statement")
        done = await getattr(self._pooled.driver_connection, how)(query, *values)
        world.note(f"{self._database.name}: {' '.join(query.split())[:60]}")
        world.crash_point("after that")
        return done

    def invalidate(self) -> None:
        """Each statement was whole: there is nothing to roll back."""

    def close(self) -> None:
        self._pooled.close()
        self._closed()
