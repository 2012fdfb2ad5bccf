"""What served to do things once is forgotten in time, and nothing is done twice because of it (P9, K8)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import pruning
from shared.ids import derived_id, first_id, instant_of, new_id
from shared.pruning import Kept, Pruner
from tests.support.kernel import execute, kernel_database, kernel_engine, scalar

REACTION = "kernel.count-coins"
KEPT = Kept(events=timedelta(days=100), answers=timedelta(days=30))


@pytest_asyncio.fixture(loop_scope="session")
async def engine() -> AsyncIterator[AsyncEngine]:
    """A database of the test's own, as the runtime role."""
    async with kernel_engine(await kernel_database()) as opened:
        yield opened


def id_of(*, days_ago: float) -> UUID:
    """An event's id of some time ago."""
    return derived_id(first_id(datetime.now(UTC) - timedelta(days=days_ago)), new_id().hex)


async def announce(
    engine: AsyncEngine, *, days_ago: float, caused_days_ago: float | None = None, is_sent: bool = True
) -> UUID:
    event_id = id_of(days_ago=caused_days_ago or days_ago)
    await execute(
        engine,
        "INSERT INTO outbox (event_id, type, subject, envelope, created_at, sent_at)"
        " VALUES (:id, 'x', 'x', '{}', :created_at, :sent_at)",
        id=event_id,
        created_at=datetime.now(UTC) - timedelta(days=days_ago),
        sent_at=datetime.now(UTC) if is_sent else None,
    )
    return event_id


async def claim(
    engine: AsyncEngine, *, days_ago: float, handled_days_ago: float | None = None, reaction: str = REACTION
) -> UUID:
    event_id = id_of(days_ago=days_ago)
    handled = days_ago if handled_days_ago is None else handled_days_ago
    await execute(
        engine,
        "INSERT INTO inbox (reaction, event_id, handled_at) VALUES (:reaction, :id, :handled_at)",
        reaction=reaction,
        id=event_id,
        handled_at=datetime.now(UTC) - timedelta(days=handled),
    )
    return event_id


async def ids(engine: AsyncEngine, table: str) -> set[UUID]:
    async with engine.connect() as connection:
        return set((await connection.execute(text(f"SELECT event_id FROM {table}"))).scalars())


async def marks(engine: AsyncEngine) -> dict[str, UUID]:
    async with engine.connect() as connection:
        return {row.what: row.below for row in await connection.execute(text("SELECT * FROM pruned"))}


async def pass_ten_minutes(engine: AsyncEngine) -> None:
    await execute(engine, "UPDATE pruned SET since = since - interval '10 minutes'")


async def test_what_was_sent_long_ago_goes_and_what_was_not_sent_stays(engine: AsyncEngine) -> None:
    await announce(engine, days_ago=101)
    unsent = await announce(engine, days_ago=200, is_sent=False)
    young = await announce(engine, days_ago=99)
    of_old = await announce(engine, days_ago=99, caused_days_ago=150)
    pruner = Pruner(engine, [REACTION], KEPT)
    assert await pruner.prune() == {pruning.KEYS: 0}
    assert len(await ids(engine, "outbox")) == 4
    assert await pruner.prune() == {pruning.KEYS: 0}, "what was marked a moment ago must wait"
    await pass_ten_minutes(engine)
    assert await pruner.prune() == {pruning.KEYS: 0, "outbox": 1}
    assert await ids(engine, "outbox") == {unsent, young, of_old}
    assert abs(instant_of((await marks(engine))["outbox"]) - (datetime.now(UTC) - KEPT.events)) < timedelta(
        minutes=1
    )


async def test_a_reaction_forgets_by_the_newest_event_it_was_given_and_not_by_the_clock(
    engine: AsyncEngine,
) -> None:
    away = "kernel.was-away"
    for reaction, newest in ((REACTION, 1), (away, 150)):
        for days_ago in (newest + 110, newest + 90, newest):
            await claim(engine, days_ago=days_ago, reaction=reaction)
    late = await claim(engine, days_ago=300, handled_days_ago=1)
    pruner = Pruner(engine, [REACTION, away], KEPT)
    await pruner.prune()
    await pass_ten_minutes(engine)
    assert await pruner.prune() == {pruning.KEYS: 0, REACTION: 1, away: 1}
    kept = await ids(engine, "inbox")
    assert late in kept, "it was handled yesterday"
    assert len(kept) == 5


async def test_batches_leave_nothing_behind(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    for number in range(8):
        await announce(engine, days_ago=120 + number)
        await claim(engine, days_ago=120 + number)
        await execute(
            engine,
            "INSERT INTO idempotency_keys (key, request_hash, status, answer, created_at)"
            " VALUES (:key, 'h', 201, '{}', now() - make_interval(days => :days))",
            key=f"key-{number}",
            days=27 + number,
        )
    await claim(engine, days_ago=0)
    pruner = Pruner(engine, [REACTION], KEPT)
    assert await pruner.prune() == {pruning.KEYS: 5}
    await pass_ten_minutes(engine)
    assert await pruner.prune() == {pruning.KEYS: 0, "outbox": 8, REACTION: 8}
    assert await scalar(engine, "SELECT count(*) FROM idempotency_keys") == 3


async def test_nothing_is_marked_where_nothing_is_old(engine: AsyncEngine) -> None:
    await announce(engine, days_ago=99)
    await announce(engine, days_ago=101, is_sent=False)
    await claim(engine, days_ago=99)
    await Pruner(engine, [REACTION], KEPT).prune()
    assert await marks(engine) == {}


async def test_claims_go_by_no_other_way_than_by_their_mark(engine: AsyncEngine) -> None:
    await claim(engine, days_ago=500)
    young = await claim(engine, days_ago=3)
    for statement in ("DELETE FROM inbox", "DELETE FROM pruned"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await execute(engine, statement)
    prune = f"SELECT many FROM prune_inbox('{REACTION}', '{UUID(int=0)}', 10)"
    assert await scalar(engine, prune) == 0
    mark = "INSERT INTO pruned VALUES (:what, :below, now() - make_interval(mins => :minutes))"
    await execute(engine, mark, what=REACTION, below=UUID(int=2**128 - 1), minutes=9)
    assert await scalar(engine, prune) == 0
    await pass_ten_minutes(engine)
    await execute(engine, prune)
    assert await ids(engine, "inbox") == {young}, (
        "what was claimed within a week is kept whatever the mark says"
    )
