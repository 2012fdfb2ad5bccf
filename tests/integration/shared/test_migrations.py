"""Migrating: once, whoever comes first; journals cannot be rewritten by the runtime role (K13, SEC15; 4.D)."""

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.ids import new_id
from shared.migrations import migrate
from tests.support.kernel import PACKAGE, execute, kernel_engine, scalar
from tests.support.servers import PostgresServer


async def test_two_migrators_at_once_migrate_once(postgres_server: PostgresServer) -> None:
    name = f"twice_{new_id().hex[:12]}"
    urls = await asyncio.to_thread(postgres_server.create_database, name)
    applied = await asyncio.gather(*(migrate(urls.owner, PACKAGE) for _ in range(3)))
    assert sorted(applied) == [[], [], ["0001"]]
    assert await migrate(urls.owner, PACKAGE) == []
    async with kernel_engine(urls) as engine:
        assert await scalar(engine, "SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("table", ["journal", "audit_log", "inbox"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_runtime_role_cannot_rewrite_a_journal(
    engine: AsyncEngine, table: str, statement: str
) -> None:
    column = {"journal": "note", "audit_log": "action", "inbox": "reaction"}[table]
    with pytest.raises(DBAPIError, match=f"permission denied for table {table}"):
        await execute(engine, statement.format(table, column, column))


async def test_the_runtime_role_can_append_to_a_journal_and_read_it(engine: AsyncEngine) -> None:
    note = new_id().hex
    await execute(engine, "INSERT INTO journal (note) VALUES (:note)", note=note)
    assert await scalar(engine, "SELECT count(*) FROM journal WHERE note = :note", note=note) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE journal",
        "ALTER TABLE outbox ADD x int",
        "GRANT ALL ON journal TO CURRENT_USER",
    ],
)
async def test_the_runtime_role_cannot_change_the_schema(engine: AsyncEngine, statement: str) -> None:
    if statement.startswith("GRANT"):
        await execute(engine, statement)  # a warning only: there was nothing to grant
        with pytest.raises(DBAPIError, match="permission denied"):
            await execute(engine, "DELETE FROM journal")
    else:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            await execute(engine, statement)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("TimeZone", "UTC"),
    ],
)
async def test_the_runtime_role_waits_for_nothing_long(engine: AsyncEngine, setting: str, value: str) -> None:
    assert await scalar(engine, f"SHOW {setting}") == value
