"""Reaching every service's database, to read and never to write."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from audit.books import Row
from deploy.layout import PACKAGES
from deploy.local.folder import ServerFolder
from deploy.local.home import HOME, POSTGRES
from deploy.local.postgres import LocalPostgres
from deploy.secret_files import WITH_FIELD_KEYS, field_keys
from shared.crypto import FieldKeys
from shared.settings import SECRETS_FOLDER, PrefixedSettings

CONNECT_SECONDS = 10.0
SETTINGS = {
    "application_name": "jishi-audit",
    "default_transaction_read_only": "on",
    "statement_timeout": "30min",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30min",
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
    "jit": "off",
    "timezone": "UTC",
}
"""A session that cannot write, takes one core at most, and waits for nobody."""

_FINGERPRINT = (
    "SELECT format('%s/%s/%s', system_identifier, timeline_id, current_database())"
    " FROM pg_control_system(), pg_control_checkpoint()"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the databases and the keys of personal data are found."""

    urls: Mapping[str, str]
    field_keys: Mapping[str, FieldKeys]
    is_running: bool


@dataclass(frozen=True, slots=True)
class Snapshots:
    """A snapshot of each database that can be read, and why the others cannot."""

    connections: Mapping[str, "asyncpg.Connection[Row]"]
    unreachable: Mapping[str, str]
    now: datetime


@contextmanager
def find_databases() -> Iterator[Place]:
    """The databases that the environment names (``ORDER_DATABASE_URL`` or its secret file), else this machine's shop's.

    A shop that stands still has its PostgreSQL started for the time of the block. Raises LocalServerError.
    """
    named = {name: url for name in PACKAGES if (url := _named(name)) is not None}
    if named:
        yield Place(named, _keys(os.environ.get(SECRETS_FOLDER)), is_running=True)
        return
    postgres = LocalPostgres(POSTGRES, say=lambda _: None)
    is_running = ServerFolder(POSTGRES, server="PostgreSQL").holder() is not None
    if is_running:
        yield Place(_local(postgres), _keys(HOME / "secrets"), is_running=True)
        return
    if not (POSTGRES / "data").exists():
        yield Place({}, {}, is_running=False)
        return
    with postgres:
        yield Place(_local(postgres), _keys(HOME / "secrets"), is_running=False)


@asynccontextmanager
async def snapshots(place: Place) -> AsyncIterator[Snapshots]:
    """One read-only snapshot of every database, held until the end of the block."""
    connections: dict[str, asyncpg.Connection[Row]] = {}
    unreachable = {name: "its URL is not known" for name in PACKAGES if name not in place.urls}
    async with AsyncExitStack() as stack:
        for name, url in place.urls.items():
            try:
                connection = await connect(url)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                unreachable[name] = repr(error)
                continue
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=True)
            )
            connections[name] = connection
        yield Snapshots(connections, unreachable, await _now(connections))


async def connect(url: str) -> "asyncpg.Connection[Row]":
    """A connection that can only read."""
    connection: asyncpg.Connection[Row] = await asyncpg.connect(
        url.replace("postgresql+asyncpg://", "postgresql://"),
        timeout=CONNECT_SECONDS,
        server_settings=SETTINGS,
    )
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=str, decoder=_number, format="text"
    )
    return connection


async def fingerprints(connections: "Mapping[str, asyncpg.Connection[Row]]") -> dict[str, str]:
    """Which databases these are; a restored or another one has another fingerprint."""
    return {name: str(await each.fetchval(_FINGERPRINT)) for name, each in connections.items()}


async def _now(connections: "Mapping[str, asyncpg.Connection[Row]]") -> datetime:
    instants = [await each.fetchval("SELECT clock_timestamp()") for each in connections.values()]
    return max(instants, default=datetime.now().astimezone())


def _number(text: str) -> int | Decimal:
    """A sum of integers is an integer again; asyncpg would make ``1E+4`` of 10000."""
    return Decimal(text) if "." in text else int(text)


def _named(name: str) -> str | None:
    class Runtime(PrefixedSettings):
        model_config = SettingsConfigDict(env_prefix=f"{name}_", extra="ignore")

        database_url: SecretStr | None = None

    url = Runtime().database_url
    return None if url is None else url.get_secret_value()


def _local(postgres: LocalPostgres) -> dict[str, str]:
    return {name: postgres.urls(name, roles_of=name).runtime for name in PACKAGES}


def _keys(folder: Path | str | None) -> dict[str, FieldKeys]:
    """The keys that seal personal data, of the services whose file is found."""
    found = {}
    for name in WITH_FIELD_KEYS:
        path = os.environ.get(f"{name.upper()}_FIELD_KEYS_FILE") or Path(folder or ".") / field_keys(name)
        if Path(path).is_file():
            found[name] = FieldKeys.from_file(Path(path))
    return found
