"""One engine a process, one unit of work a door (K2, K17, K19)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.audit_log import AuditLog
from shared.messaging.inbox import Inbox
from shared.messaging.outbox import Outbox
from shared.timers.rows import TimerRows

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

POOL_WAIT_SECONDS = 1.0
CONNECT_SECONDS = 5.0


def new_metadata() -> MetaData:
    """Metadata for one service's tables, with PostgreSQL's own constraint names."""
    return MetaData(naming_convention=NAMING)


def create_engine(url: str, *, application_name: str, pool_size: int = 10) -> AsyncEngine:
    """A pooled asyncpg engine; waiting more than a second for a connection is a fast refusal (503)."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_use_lifo=True,
        json_serializer=lambda value: orjson.dumps(value, default=str).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "server_settings": {"application_name": application_name, "jit": "off", "timezone": "UTC"},
        },
    )


class UnitOfWork:
    """One transaction's reach: the connection, and what commits together with it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.outbox = Outbox(connection)
        self.inbox = Inbox(connection)
        self.timers = TimerRows(connection)
        self.audit_log = AuditLog(connection)
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something cheap and local once the transaction has committed (wake a relay, drop a cache entry)."""
        self._after_commit.append(act)

    async def __aenter__(self) -> "UnitOfWork":
        await self.connection.begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            await self.connection.commit()
            for act in self._after_commit:
                act()
            self.outbox.wake()
        elif issubclass(kind, asyncio.CancelledError | GeneratorExit):
            await self.connection.invalidate()  # K19: never pool a connection with an open transaction
        else:
            await self.connection.rollback()


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[UnitOfWork]:
    """A unit of work that commits at the end of the block, or leaves no trace."""
    async with engine.connect() as connection, UnitOfWork(connection) as work:
        yield work


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for reads that decide nothing: autocommit, one round trip a statement."""
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def is_conflict(error: DBAPIError) -> bool:
    """Whether PostgreSQL broke a deadlock or a serialization failure: the same work may be tried again (K12)."""
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001", "55P03"}
