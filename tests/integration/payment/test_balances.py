"""Balances are carried forward with the seals: always what the entries sum to, and read in a few pages (M6, P10)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.postgres_roles import DatabaseUrls
from services.payment.ledger import seals
from services.payment.ledger.balances import balances, carry
from services.payment.ledger.storage import Account, Ledger, Source
from shared.database import begin, reading
from shared.ids import new_id
from tests.integration.payment.till import Till
from tests.support.databases import fresh_databases
from tests.support.kernel import execute, kernel_engine
from tests.support.statements import pages_touched

MANY = 20_000
MOST_PAGES = 60
"""Of the 900 and more on which that many journals and their entries lie, for a reading and for a look whether to carry."""


@pytest_asyncio.fixture(loop_scope="session")
async def urls() -> DatabaseUrls:
    """A payment database of the test's own."""
    return (await fresh_databases(["payment"]))["payment"]


@pytest_asyncio.fixture(loop_scope="session")
async def engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    async with kernel_engine(urls, name="payment") as opened:
        yield opened


async def post(engine: AsyncEngine, fee_fen: int) -> None:
    async with begin(engine) as work:
        await Ledger(work.connection).post(
            Source(type="bill", id=str(new_id()), kind="fees_charged"),
            {Account.PROVIDER_FEES: fee_fen, Account.PROVIDER_RECEIVABLE: -fee_fen},
            payment_id=None,
            at=datetime.now(UTC),
        )


async def seal_one(engine: AsyncEngine) -> None:
    async with begin(engine) as work:
        assert await seals.seal(work, at=datetime.now(UTC)) == 1


async def post_sealed(engine: AsyncEngine, *fees_fen: int) -> None:
    """Post journals, each with a seal of its own."""
    for fee_fen in fees_fen:
        await post(engine, fee_fen)
        await seal_one(engine)


async def carried(engine: AsyncEngine) -> list[tuple[int, str, int]]:
    async with reading(engine) as connection:
        rows = await connection.execute(text("SELECT * FROM carried_balances ORDER BY seal_number, account"))
    return [(row.seal_number, row.account, row.balance_fen) for row in rows]


async def carry_once(engine: AsyncEngine, *, journals: int) -> bool:
    async with begin(engine) as work:
        return await carry(work, journals=journals)


async def held(engine: AsyncEngine) -> dict[str, int]:
    async with reading(engine) as connection:
        return {row["account"]: row["balance_fen"] for row in await balances(connection)}


def fees(fen: int) -> dict[str, int]:
    return {"provider_fees": fen, "provider_receivable": -fen}


async def test_balances_are_right_whatever_is_sealed_and_carried(engine: AsyncEngine) -> None:
    assert await held(engine) == {}
    await post(engine, 1)
    assert await held(engine) == fees(1)
    await seal_one(engine)
    assert await held(engine) == fees(1)
    assert await carry_once(engine, journals=1)
    assert await held(engine) == fees(1)
    await post_sealed(engine, 20)
    await post(engine, 300)
    assert await held(engine) == fees(321)
    assert await carry_once(engine, journals=1)
    assert await held(engine) == fees(321)


async def test_what_is_committed_late_falls_into_a_later_balance(engine: AsyncEngine) -> None:
    async with begin(engine) as slow:
        await Ledger(slow.connection).post(
            Source(type="bill", id="slow", kind="fees_charged"),
            {Account.PROVIDER_FEES: 5, Account.PROVIDER_RECEIVABLE: -5},
            payment_id=None,
            at=datetime.now(UTC),
        )
        await post_sealed(engine, 10)
        assert await carry_once(engine, journals=1)
        assert await held(engine) == fees(10)
    assert await held(engine) == fees(15)
    await seal_one(engine)
    assert await carry_once(engine, journals=1)
    assert await carried(engine) == [
        (1, "provider_fees", 10),
        (1, "provider_receivable", -10),
        (2, "provider_fees", 15),
        (2, "provider_receivable", -15),
    ]


async def test_balances_are_carried_once_for_so_many_journals_and_catch_up_step_by_step(
    engine: AsyncEngine,
) -> None:
    await post_sealed(engine, 1, 2)
    assert not await carry_once(engine, journals=3)
    await post_sealed(engine, 3, 4, 5, 6, 7)
    assert [await carry_once(engine, journals=3) for _ in range(4)] == [True, True, False, False]
    assert [row for row in await carried(engine) if row[1] == "provider_fees"] == [
        (3, "provider_fees", 6),
        (6, "provider_fees", 21),
    ]
    assert await held(engine) == fees(28)


async def test_an_account_that_is_even_again_is_still_told(engine: AsyncEngine) -> None:
    await post_sealed(engine, 9, -9)
    assert await carry_once(engine, journals=2)
    assert await held(engine) == fees(0)


async def test_those_who_carry_at_once_write_each_balance_once(engine: AsyncEngine) -> None:
    await post_sealed(engine, *range(1, 10))
    while any(await asyncio.gather(*(carry_once(engine, journals=3) for _ in range(4)))):
        pass
    fen = [row[2] for row in await carried(engine) if row[1] == "provider_fees"]
    assert fen == [6, 21, 45]


@pytest.mark.parametrize(
    "change", ["UPDATE carried_balances SET balance_fen = 0", "DELETE FROM carried_balances"]
)
async def test_the_service_itself_cannot_change_a_carried_balance(engine: AsyncEngine, change: str) -> None:
    await post_sealed(engine, 1)
    assert await carry_once(engine, journals=1)
    with pytest.raises(DBAPIError, match="permission denied"):
        await execute(engine, change)


_FILL = (
    "ALTER TABLE journals DISABLE TRIGGER USER",
    "ALTER TABLE journal_entries DISABLE TRIGGER USER",
    "INSERT INTO journals (journal_id, source_type, source_id, kind, posted_at, seal_number) SELECT gen_random_uuid(),"
    f" 'bill', n, 'fees_charged', now(), 1 + n / 4 FROM generate_series(0, {MANY - 1}) n",
    "INSERT INTO journal_entries SELECT journal_id, account, amount_fen FROM journals,"
    " (VALUES ('provider_fees', 1), ('provider_receivable', -1)) e (account, amount_fen)",
    "INSERT INTO ledger_seals SELECT seal_number, count(*), 'p' || seal_number, 'h' || seal_number, now()"
    " FROM journals GROUP BY seal_number",
    "ANALYZE",
)


async def test_neither_reading_nor_carrying_grows_with_what_is_carried(
    urls: DatabaseUrls, engine: AsyncEngine
) -> None:
    owner = create_async_engine(urls.owner)
    async with owner.begin() as connection:
        for statement in _FILL:
            await connection.execute(text(statement))
    await owner.dispose()
    while await carry_once(engine, journals=1_000):
        pass
    assert (await carried(engine))[-2:] == [
        (MANY // 4, "provider_fees", MANY),
        (MANY // 4, "provider_receivable", -MANY),
    ]
    await post(engine, 3)
    with pages_touched(engine) as reading_touched:
        assert await held(engine) == fees(MANY + 3)
    with pages_touched(engine) as carrying_touched:
        assert not await carry_once(engine, journals=1_000)
    assert max(reading_touched + carrying_touched) <= MOST_PAGES, (reading_touched, carrying_touched)


async def test_the_worker_carries_what_it_seals(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "CARRY_JOURNALS", 1)
    monkeypatch.setattr(seals, "SEAL_SECONDS", 0.05)
    await till.paid_order()
    engine = till.resources.engine
    keeper = asyncio.create_task(seals.keep_sealed(till.resources))
    try:
        async with asyncio.timeout(10):
            while await till.rows(
                "SELECT FROM journals WHERE coalesce(seal_number, 2 ^ 40) > (SELECT coalesce(max(seal_number), 0)"
                " FROM carried_balances)"
            ):
                await asyncio.sleep(0.05)
    finally:
        keeper.cancel()
    summed = await till.rows(
        "SELECT account, sum(amount_fen)::bigint AS fen FROM journal_entries GROUP BY account"
    )
    expected = {row["account"]: row["fen"] for row in summed}
    assert expected.keys() >= {"provider_receivable", "order_receipts"}
    assert await held(engine) == expected
    (last,) = await till.rows("SELECT max(seal_number) AS seal_number FROM carried_balances")
    assert {row[1]: row[2] for row in await carried(engine) if row[0] == last["seal_number"]} == expected
