"""Statements past SQLAlchemy leave its pool as clean as those through it (K17, K19)."""

import asyncio

import asyncpg
import pytest

from services.catalog.straight import straight
from shared.database import create_engine
from shared.http.problems import Busy
from tests.integration.catalog.goods import Catalog
from tests.support.proxy import FAREWELL, wire_to

CONNECTIONS = 10


async def answers(catalog: Catalog) -> list[int]:
    """What as many requests at once as there are connections are answered."""
    return [
        answer.status_code
        for answer in await asyncio.gather(*(catalog.get("/categories") for _ in range(CONNECTIONS)))
    ]


async def test_a_statement_that_is_given_up_takes_its_connection_with_it(catalog: Catalog) -> None:
    pids = []

    async def wait() -> None:
        async with straight(catalog.engine) as connection:
            pids.append(await connection.fetchval("SELECT pg_backend_pid()"))
            await connection.fetchval("SELECT pg_sleep(30)")

    waiting = asyncio.create_task(wait())
    while not pids:
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await answers(catalog) == [200] * CONNECTIONS
    async with straight(catalog.engine) as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != pids[0]


async def test_a_database_that_hangs_up_or_is_too_slow_means_busy_and_the_next_call_is_served(
    catalog: Catalog,
) -> None:
    for statement in (
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE query_canceled; END $$",
        "DO $$ BEGIN RAISE deadlock_detected; END $$",
    ):
        with pytest.raises(Busy):
            async with straight(catalog.engine) as connection:
                await connection.fetchval(statement)
    assert await answers(catalog) == [200] * CONNECTIONS


async def test_a_farewell_that_comes_before_the_end_of_the_connection_means_busy(catalog: Catalog) -> None:
    url = catalog.engine.url.render_as_string(hide_password=False)
    async with wire_to(url) as wire:
        engine = create_engine(wire.url, application_name="wired")
        async with straight(engine) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await wire.say(FAREWELL)
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            async with straight(engine) as connection:
                await connection.fetchval("SELECT 1")
        async with straight(engine) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await engine.dispose()


async def test_a_mistake_in_a_statement_stays_a_mistake(catalog: Catalog) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with straight(catalog.engine) as connection:
            await connection.fetchval("SELEKT")
    assert await answers(catalog) == [200] * CONNECTIONS
