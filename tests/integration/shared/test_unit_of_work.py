"""One door, one transaction: it commits whole or leaves no trace, and no connection comes back dirty (K2, K12, K19)."""

import asyncio

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres_roles import DatabaseUrls
from shared import database
from shared.database import UnitOfWork, begin, create_engine, is_away, is_conflict, reading, transact
from shared.ids import new_id
from tests.messaging.lines import until
from tests.support.kernel import execute, kernel_engine, scalar
from tests.support.proxy import FAREWELL, wire_to

READ = "SELECT value FROM counters WHERE name = :name"


@pytest_asyncio.fixture(loop_scope="session")
async def counter(engine: AsyncEngine) -> str:
    """The name of a counter that stands at 10."""
    name = new_id().hex
    await execute(engine, "INSERT INTO counters (name, value) VALUES (:name, 10)", name=name)
    return name


async def add(work: UnitOfWork, name: str, change: int) -> None:
    await work.connection.execute(
        text("UPDATE counters SET value = value + :change WHERE name = :name"),
        {"name": name, "change": change},
    )


async def test_work_commits_at_the_end_of_its_block(engine: AsyncEngine, counter: str) -> None:
    async with begin(engine) as work:
        await add(work, counter, 1)
        assert await scalar(engine, READ, name=counter) == 10
    assert await scalar(engine, READ, name=counter) == 11


async def test_refused_work_leaves_no_trace_and_tells_nobody(engine: AsyncEngine, counter: str) -> None:
    told: list[str] = []

    async def refused() -> None:
        async with begin(engine) as work:
            work.after_commit(lambda: told.append("committed"))
            await add(work, counter, 1)
            raise LookupError("refused")

    with pytest.raises(LookupError, match="refused"):
        await refused()
    assert await scalar(engine, READ, name=counter) == 10
    assert told == []


async def test_what_waits_for_the_commit_sees_it(engine: AsyncEngine, counter: str) -> None:
    told: list[str] = []
    async with begin(engine) as work:
        work.after_commit(lambda: told.append("committed"))
        await add(work, counter, 1)
        assert told == []
    assert told == ["committed"]


@pytest.mark.parametrize(
    "moment", ["idle in the transaction", "in the middle of a statement", "waiting for a lock"]
)
async def test_cancelled_work_rolls_back_and_its_connection_is_never_pooled(
    engine: AsyncEngine, urls: DatabaseUrls, counter: str, moment: str
) -> None:
    name = new_id().hex
    async with kernel_engine(urls, name=name, pool_size=4) as opened:
        begun = asyncio.Event()
        backends: list[int] = []

        async def hang() -> None:
            async with begin(opened) as work:
                backend = await work.connection.execute(text("SELECT pg_backend_pid()"))
                backends.append(backend.scalar_one())
                begun.set()
                await add(work, counter, 1)
                if moment == "idle in the transaction":
                    await asyncio.Event().wait()
                await work.connection.execute(text("SELECT pg_sleep(4)"))

        async with begin(engine) as other:
            if moment == "waiting for a lock":
                await add(other, counter, 0)
            tasks = [asyncio.create_task(hang()) for _ in range(4)]
            await begun.wait()
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)

        async def are_discarded() -> bool:
            left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:backends)"
            return await scalar(engine, left, backends=backends) == 0

        await until(are_discarded, seconds=3)
        assert len(backends) == 4
        assert await open_transactions(engine, name) == 0
        assert await scalar(engine, READ, name=counter) == 10
        for _ in range(4):  # whatever is pooled still works
            async with begin(opened) as work:
                await add(work, counter, 5)
    assert await scalar(engine, READ, name=counter) == 30


async def test_a_cancellation_while_committing_leaves_no_open_transaction(
    engine: AsyncEngine, urls: DatabaseUrls, counter: str
) -> None:
    """Whichever way it ends, it ends: the work is there as a whole or not at all."""
    name = new_id().hex
    async with kernel_engine(urls, name=name, pool_size=2) as opened:
        for delay in range(20):

            async def work_once() -> None:
                async with begin(opened) as work:
                    await add(work, counter, 1)

            task = asyncio.create_task(work_once())
            await asyncio.sleep(delay / 2_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with begin(opened) as work:
            await add(work, counter, 0)

        async def is_nothing_left_open() -> bool:
            return await open_transactions(engine, name) == 0

        await until(is_nothing_left_open, seconds=5)
    value = await scalar(engine, READ, name=counter)
    assert isinstance(value, int)
    assert 10 <= value <= 30


async def open_transactions(engine: AsyncEngine, name: str) -> object:
    return await scalar(
        engine,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state <> 'idle'",
        name=name,
    )


async def test_a_full_pool_refuses_within_a_second(
    urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_WAIT_SECONDS", 1.0)
    async with kernel_engine(urls, pool_size=1) as opened, begin(opened):
        started = asyncio.get_running_loop().time()
        with pytest.raises(PoolTimeout):
            await scalar(opened, "SELECT 1")
        assert 0.9 < asyncio.get_running_loop().time() - started < 2


async def test_a_server_that_is_away_is_an_operational_error(urls: DatabaseUrls) -> None:
    async with wire_to(urls.runtime) as wire:
        await wire.cut()
        engine = create_engine(wire.url, application_name="away")
        with pytest.raises(OperationalError) as refused:
            await scalar(engine, "SELECT 1")
        assert is_away(refused.value)


async def test_a_connection_lost_in_the_middle_is_an_outage_and_the_pool_recovers(
    urls: DatabaseUrls, engine: AsyncEngine
) -> None:
    async with wire_to(urls.runtime) as wire:
        wired = create_engine(wire.url, application_name="wired")

        async def lose() -> None:
            async with begin(wired) as work:
                await wire.cut()
                await work.connection.execute(text("SELECT 1"))

        with pytest.raises(DBAPIError) as lost:
            await lose()
        assert is_away(lost.value)
        await wire.mend()
        assert await scalar(wired, "SELECT 1") == 1
        await wired.dispose()


async def test_a_farewell_that_comes_before_the_end_of_the_connection_is_an_outage(
    urls: DatabaseUrls,
) -> None:
    """PostgreSQL that stops says so, then hangs up; between the two a pooled connection still looks whole."""
    async with (
        wire_to(urls.runtime) as wire,
        kernel_engine(DatabaseUrls(runtime=wire.url, owner=urls.owner)) as engine,
    ):
        assert await scalar(engine, "SELECT 1") == 1
        await wire.say(FAREWELL)
        await asyncio.sleep(0.05)
        with pytest.raises(DBAPIError) as caught:
            await scalar(engine, "SELECT 1")
        assert is_away(caught.value)
        assert await scalar(engine, "SELECT 1") == 1


async def test_a_deadlock_is_broken_and_both_get_through(engine: AsyncEngine) -> None:
    first, second = new_id().hex, new_id().hex
    for name in (first, second):
        await execute(engine, "INSERT INTO counters (name, value) VALUES (:name, 0)", name=name)
    both_hold_one = asyncio.Barrier(2)
    tries = {"there": 0, "back": 0}

    async def move(way: str, names: list[str]) -> str:
        async def do(work: UnitOfWork) -> str:
            tries[way] += 1
            await add(work, names[0], 1)
            if tries[way] == 1:
                await both_hold_one.wait()
            await add(work, names[1], 1)
            return way

        return await transact(engine, do)

    ways = await asyncio.gather(move("there", [first, second]), move("back", [second, first]))
    assert list(ways) == ["there", "back"]
    assert sorted(tries.values()) == [1, 2]
    assert [await scalar(engine, READ, name=name) for name in (first, second)] == [2, 2]


async def test_a_conflict_that_never_ends_is_tried_four_times_in_all(engine: AsyncEngine) -> None:
    tries = 0

    async def do(work: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        await work.connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    with pytest.raises(DBAPIError) as conflict:
        await transact(engine, do)
    assert is_conflict(conflict.value)
    assert tries == 4


async def test_another_error_is_not_tried_again(engine: AsyncEngine, counter: str) -> None:
    tries = 0

    async def do(work: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        await add(work, counter, -100)

    with pytest.raises(DBAPIError, match="counters_value_check"):
        await transact(engine, do)
    assert tries == 1


async def test_a_reading_sees_each_statement_by_itself_and_holds_no_transaction(
    engine: AsyncEngine, counter: str
) -> None:
    async with reading(engine) as connection:
        before = (await connection.execute(text(READ), {"name": counter})).scalar_one()
        await execute(engine, "UPDATE counters SET value = 99 WHERE name = :name", name=counter)
        after = (await connection.execute(text(READ), {"name": counter})).scalar_one()
    assert (before, after) == (10, 99)
