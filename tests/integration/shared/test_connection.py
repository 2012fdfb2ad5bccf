"""Statements straight to asyncpg: what comes back, what is raised, and what a connection outlives."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres_roles import DatabaseUrls
from shared.database import begin, create_engine, is_bad_value, is_passing, reading
from shared.ids import new_id
from tests.support.kernel import kernel_engine
from tests.support.proxy import FAREWELL, wire_to

PID = text("SELECT pg_backend_pid()")
TWO = text("SELECT n AS number, 'x' || n AS name FROM generate_series(1, 2) AS n")


@pytest_asyncio.fixture(loop_scope="session")
async def owner(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """Who may change tables."""
    opened = create_engine(urls.owner, application_name="owner", pool_size=2)
    yield opened
    await opened.dispose()


async def test_a_row_is_a_tuple_a_mapping_and_its_columns(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        first, second = await connection.execute(TWO)
    assert tuple(first) == (1, "x1")
    assert dict(second) == {"number": 2, "name": "x2"}
    assert (first.number, first["name"], second[1]) == (1, "x1", "x2")
    with pytest.raises(AttributeError):
        _ = first.colour


async def test_who_expects_one_row_hears_of_none_and_of_two(engine: AsyncEngine) -> None:
    none = text("SELECT 1 WHERE :is_true IS NOT TRUE")
    async with reading(engine) as connection:
        both = await connection.execute(TWO)
        nothing = await connection.execute(none, {"is_true": True})
    assert (both.scalars(), nothing.one_or_none(), nothing.scalar_one_or_none()) == ([1, 2], None, None)
    with pytest.raises(MultipleResultsFound):
        both.one_or_none()
    with pytest.raises(NoResultFound):
        nothing.scalar_one()


async def test_a_statement_tells_how_many_rows_it_changed(engine: AsyncEngine) -> None:
    add = text("INSERT INTO counters (name, value) VALUES (:name, 1)")
    names = [new_id().hex for _ in range(3)]
    async with begin(engine) as work:
        assert (await work.connection.execute(add, {"name": names[0]})).rowcount == 1
        await work.connection.execute_many(add, [{"name": name} for name in names[1:]])
        raised = text("UPDATE counters SET value = value + 1 WHERE name = ANY(:names)")
        assert (await work.connection.execute(raised, {"names": names})).rowcount == 3
        assert (await work.connection.execute(raised, {"names": []})).rowcount == 0


async def test_errors_are_those_of_sqlalchemy_and_tell_what_postgresql_said(engine: AsyncEngine) -> None:
    name = new_id().hex
    add = text("INSERT INTO counters (name, value) VALUES (:name, 1)")
    with pytest.raises(IntegrityError, match="counters_pkey"):
        async with begin(engine) as work:
            await work.connection.execute_many(add, [{"name": name}, {"name": name}])
    async with reading(engine) as connection:
        with pytest.raises(ProgrammingError, match="does not exist"):
            await connection.execute(text("SELECT * FROM nowhere"))
        with pytest.raises(DBAPIError) as bad:
            await connection.execute(text("SELECT CAST(:number AS integer)"), {"number": 2**40})
        assert is_bad_value(bad.value)
        found = await connection.execute(
            text("SELECT count(*) FROM counters WHERE name = :name"), {"name": name}
        )
        assert found.scalar_one() == 0


async def test_a_statement_goes_on_when_a_migration_has_changed_its_table(
    engine: AsyncEngine, owner: AsyncEngine
) -> None:
    everything = text("SELECT * FROM counters LIMIT 1")
    async with reading(engine) as connection:
        await connection.execute(everything)
        async with begin(owner) as work:
            await work.connection.execute(text("ALTER TABLE counters ADD COLUMN colour text"))
        try:
            await connection.execute(everything)
        finally:
            async with begin(owner) as work:
                await work.connection.execute(text("ALTER TABLE counters DROP COLUMN colour"))


async def test_a_connection_that_the_server_has_ended_is_not_handed_out(
    urls: DatabaseUrls, engine: AsyncEngine
) -> None:
    async with kernel_engine(urls, name=new_id().hex, pool_size=1) as opened:
        async with reading(opened) as connection:
            ended = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with reading(engine) as other:
            await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ended})
        await asyncio.sleep(0.2)
        async with reading(opened) as connection:
            assert (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one() != ended


async def test_a_statement_that_is_given_up_takes_its_connection_with_it(urls: DatabaseUrls) -> None:
    async with kernel_engine(urls, name=new_id().hex, pool_size=1) as opened:
        pids = []

        async def wait() -> None:
            async with reading(opened) as connection:
                pids.append((await connection.execute(PID)).scalar_one())
                await connection.execute(text("SELECT pg_sleep(30)"))

        waiting = asyncio.create_task(wait())
        while not pids:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with reading(opened) as connection:
            assert (await connection.execute(PID)).scalar_one() != pids[0]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE query_canceled; END $$",
        "DO $$ BEGIN RAISE deadlock_detected; END $$",
    ],
)
async def test_a_database_that_hangs_up_or_is_too_slow_is_trouble_that_passes(
    urls: DatabaseUrls, statement: str
) -> None:
    async with kernel_engine(urls, name=new_id().hex, pool_size=1) as opened:
        with pytest.raises(DBAPIError) as trouble:
            async with reading(opened) as connection:
                await connection.execute(text(statement))
        assert is_passing(trouble.value)
        async with reading(opened) as connection:
            assert (await connection.execute(TWO)).scalars() == [1, 2]


async def test_a_farewell_that_comes_before_the_end_of_the_connection_is_trouble_that_passes(
    urls: DatabaseUrls,
) -> None:
    async with wire_to(urls.runtime) as wire:
        opened = create_engine(wire.url, application_name="wired", pool_size=1)
        async with reading(opened) as connection:
            await connection.execute(TWO)
        await wire.say(FAREWELL)
        await asyncio.sleep(0.05)
        with pytest.raises(DBAPIError) as trouble:
            async with reading(opened) as connection:
                await connection.execute(TWO)
        assert is_passing(trouble.value)
        async with reading(opened) as connection:
            assert (await connection.execute(TWO)).scalars() == [1, 2]
        await opened.dispose()
