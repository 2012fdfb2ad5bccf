"""One engine a process, one unit of work a door (K2, K17, K19)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
from sqlalchemy import MetaData, event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.audit_log import AuditLog
from shared.connection import Connection, Row, pooled
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
COMMAND_SECONDS = 15.0
CONFLICT_RETRIES = 3

LAZILY = "set_config('synchronous_commit', 'off', true) = 'off'"
"""A condition that holds, and by which a commit waits for no disk: for leases and notes that a crash of the server may
forget. Measured: 190 µs of CPU instead of 375."""

T = TypeVar("T")


def new_metadata() -> MetaData:
    """Metadata for one service's tables, with PostgreSQL's own constraint names."""
    return MetaData(naming_convention=NAMING)


def create_engine(url: str, *, application_name: str, pool_size: int = 10) -> AsyncEngine:
    """A pooled asyncpg engine; waiting more than a second for a connection is a fast refusal (503)."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_use_lifo=True,
        json_serializer=lambda value: orjson.dumps(value, default=str).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": COMMAND_SECONDS,
            "record_class": Row,
            "server_settings": {
                "application_name": application_name,
                "jit": "off",
                "random_page_cost": "1.1",  # no disk turns any more; with 4 a search reads all of 100,000 products
                "timezone": "UTC",
            },
        },
    )
    event.listen(engine.sync_engine, "do_connect", _connect)
    return engine


def _connect(dialect: Dialect, _: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Connect; a server that cannot be reached is an OperationalError like every other trouble with the database."""
    try:
        return dialect.connect(*arguments, **options)
    except OSError as error:  # TimeoutError too
        assert dialect.dbapi is not None
        raise dialect.dbapi.OperationalError(repr(error)) from error


class UnitOfWork:
    """One transaction's reach: the connection, and what commits together with it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.outbox = Outbox(connection)
        self.inbox = Inbox(connection)
        self.timers = TimerRows(connection)
        self.audit_log = AuditLog(connection)
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something cheap and local once the transaction has committed (wake a relay, drop a cache entry)."""
        self._after_commit.append(act)

    def committed(self) -> None:
        """Do what was to wait for the commit."""
        for act in self._after_commit:
            act()
        self.outbox.wake()
        self.timers.wake()


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[UnitOfWork]:
    """A unit of work that commits at the end of the block, or leaves no trace."""
    async with pooled(engine) as connection:
        work = UnitOfWork(connection)
        await connection.control("BEGIN;")
        try:
            yield work
            await connection.control("COMMIT;")
        except Exception:
            await connection.roll_back()
            raise
    work.committed()


async def transact(engine: AsyncEngine, do: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """Do the work in one transaction; up to 3 times more when PostgreSQL broke a deadlock with it (K12)."""
    for retry in range(CONFLICT_RETRIES):
        try:
            async with begin(engine) as work:
                return await do(work)
        except DBAPIError as error:
            if not is_conflict(error):
                raise
        await asyncio.sleep(random.uniform(0, 0.05 * 2**retry))
    async with begin(engine) as work:
        return await do(work)


committing_each = pooled
"""A connection on which every statement is a transaction of its own, in one round trip."""

reading = pooled
"""A connection for reads that decide nothing."""


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL broke a deadlock or a serialization failure: the same work may be tried again at once (K12)."""
    return _sqlstate(error) in {"40P01", "40001"}


def is_away(error: BaseException) -> bool:
    """Whether the database cannot be reached, or turns everybody away: no fault of this work."""
    if isinstance(error, PoolTimeout | OperationalError | TimeoutError | ConnectionError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    return state[:2] in {"08", "53"} or state in {"57P01", "57P02", "57P03", "58030"}


def is_disk_full(error: BaseException) -> bool:
    """Whether the database has no room to grow: it answers and reads all the same, so only writing shows it (4.D)."""
    return _sqlstate(error) == "53100"


def is_passing(error: BaseException) -> bool:
    """Whether the same work may well succeed in a moment: conflicts, locks and statements that took too long (4.D)."""
    return is_away(error) or is_conflict(error) or _sqlstate(error) in {"55P03", "57014"}


def is_bad_value(error: BaseException) -> bool:
    """Whether a value cannot be stored at all: NUL characters, lone surrogates, numbers beyond 64 bits."""
    return _sqlstate(error) in {"22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05"}


def _sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a failed statement; empty for other errors."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
