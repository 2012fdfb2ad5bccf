"""Real PostgreSQL on the simulated clock: transactions one after another, crashes between any two statements.

A transaction runs to its end without anybody between, so nobody ever waits for a lock; processes take turns only between
transactions.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from tests.simulation.processes import undisturbed
from tests.simulation.world import World

NEWS = tuple(
    f"{verb} {table}"
    for verb in ("INSERT INTO", "UPDATE")
    for table in ("outbox", "timers", "stalled_events")
)
"""What is in a statement after which something may be due."""


class SimulatedDatabase:
    """Stands before a service's engine; the `watchers` learn when something new may be due."""

    def __init__(self, name: str, engine: AsyncEngine) -> None:
        self.name = name
        self._engine = engine
        self.world: World
        self.watchers: list[asyncio.Event] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def raw_connection(self) -> "SimulatedPooled":
        """A connection, once it is this task's turn."""
        await self.world.gate(f"{self.name} database")
        working = ExitStack()
        working.enter_context(self.world.loop.working())
        return SimulatedPooled(await self._engine.raw_connection(), self, working.close)


class SimulatedPooled:
    """A connection out of the pool."""

    def __init__(
        self, real: PoolProxiedConnection, database: SimulatedDatabase, closed: Callable[[], None]
    ) -> None:
        self._real = real
        self._closed = closed
        self.info = real.info
        self.driver_connection = self.info.setdefault("simulated", SimulatedDriver(real.driver_connection))
        self.driver_connection.database = database

    def invalidate(self) -> None:
        """Its transaction was rolled back."""

    def close(self) -> None:
        """Give it back."""
        self._real.close()
        self._closed()


class SimulatedDriver:
    """asyncpg's connection, whose process may die before every statement, before and after every commit."""

    database: SimulatedDatabase

    def __init__(self, real: Any) -> None:
        self._real = real
        self._is_news = False

    def is_closed(self) -> bool:
        return False

    def is_in_transaction(self) -> bool:
        return bool(self._real.is_in_transaction())

    async def prepare(self, sql: str) -> "SimulatedStatement":
        return SimulatedStatement(self, sql, await self._real.prepare(sql))

    async def execute(self, command: str) -> None:
        """Begin, commit or roll back; nobody may learn of a commit whose process dies after it."""
        world = self.database.world
        if command != "COMMIT;":
            await self._real.execute(command)
            return
        world.crash_point("before commit")
        await self._real.execute(command)
        world.note(f"{self.database.name}: commit")
        self._tell_watchers()
        world.crash_point("after commit")

    async def executemany(self, sql: str, values: Sequence[Any]) -> None:
        await self.carry_out(sql, self._real.executemany, sql, values)

    async def close(self, *, timeout: float) -> None:
        """A dead process's connection is gone, and PostgreSQL rolls back."""
        if self.is_in_transaction():
            await undisturbed(self._real.execute("ROLLBACK"))

    async def carry_out(
        self,
        sql: str,
        do: Callable[..., Any],
        *values: Any,
        has_changed: Callable[[], bool] = lambda: True,
    ) -> Any:
        """One statement; without a transaction the process may also die after it took effect."""
        world, words = self.database.world, " ".join(sql[:80].split())[:60]
        world.crash_point(f"before {words}")
        if "now()" in sql:  # what it says in this session; see preparation.py
            await self._real.execute(f"SET simulation.now = '{world.clock.now().isoformat()}'")
        done = await do(*values)
        self._is_news = self._is_news or (has_changed() and any(news in sql for news in NEWS))
        if not self.is_in_transaction():
            world.note(f"{self.database.name}: {words}")
            self._tell_watchers()
            world.crash_point("after that")
        return done

    def _tell_watchers(self) -> None:
        if self._is_news:
            for watcher in self.database.watchers:
                watcher.set()
        self._is_news = False


class SimulatedStatement:
    """A prepared statement."""

    def __init__(self, driver: SimulatedDriver, sql: str, real: Any) -> None:
        self._driver = driver
        self._sql = sql
        self._real = real

    async def fetch(self, *values: Any) -> Any:
        return await self._driver.carry_out(
            self._sql, self._real.fetch, *values, has_changed=lambda: not self.get_statusmsg().endswith(" 0")
        )

    def get_statusmsg(self) -> str:
        return str(self._real.get_statusmsg())
