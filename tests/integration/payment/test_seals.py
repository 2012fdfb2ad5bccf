"""The cash books are sealed without making payments wait, and a sealed journal stays as it is (M6, K13)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.payment.ledger.movements import post_receipt
from services.payment.ledger.seals import JOURNAL, NO_SEAL, seal, seal_hash
from services.payment.ledger.storage import Account
from shared.database import begin, reading
from shared.ids import new_id
from tests.integration.payment.till import Till


async def receive(till: Till, order: int) -> None:
    """Post the receipt of one fen more than the last."""
    async with begin(till.resources.engine) as work:
        payment_id = (
            await work.connection.execute(text("SELECT payment_id FROM payments LIMIT 1"))
        ).scalar_one()
        await post_receipt(
            work,
            f"SEAL-{new_id().hex[-12:]}",
            100 + order,
            owed_to=Account.ORDER_RECEIPTS,
            payment_id=payment_id,
            at=till.clock.now() + timedelta(seconds=order),
        )


async def seal_all(till: Till) -> int:
    sealed = 0
    while True:
        async with begin(till.resources.engine) as work:
            more = await seal(work, at=till.clock.now())
        if not more:
            return sealed
        sealed += more


async def seals(till: Till) -> list[tuple[int, str, str, list[str]]]:
    query = (
        f"SELECT s.seal_number, s.previous_hash, s.hash, array_agg({JOURNAL} ORDER BY j.journal_id)"
        " FROM ledger_seals s JOIN journals j USING (seal_number) GROUP BY s.seal_number ORDER BY s.seal_number"
    )
    async with reading(till.resources.engine) as connection:
        return [(row[0], row[1], row[2], list(row[3])) for row in await connection.execute(text(query))]


async def test_seals_are_a_chain_over_every_journal(till: Till) -> None:
    await till.paid_order()
    await seal_all(till)
    for order in range(3):
        await receive(till, order)
    assert await seal_all(till) == 3
    assert await seal_all(till) == 0
    previous = NO_SEAL
    for number, (seal_number, previous_hash, hash_, journals) in enumerate(await seals(till), start=1):
        assert (seal_number, previous_hash) == (number, previous)
        assert hash_ == seal_hash(previous, journals)
        previous = hash_


async def test_two_who_seal_at_once_seal_each_journal_once(till: Till) -> None:
    await till.paid_order()
    await seal_all(till)
    for order in range(4):
        await receive(till, order)
    counts = await asyncio.gather(*(seal_all(till) for _ in range(4)))
    await seal_all(till)
    assert sum(counts) <= 4
    assert [number for number, *_ in await seals(till)] == list(range(1, len(await seals(till)) + 1))
    async with reading(till.resources.engine) as connection:
        left = await connection.execute(text("SELECT count(*) FROM journals WHERE seal_number IS NULL"))
        assert left.scalar_one() == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journals SET seal_number = NULL",
        "UPDATE journals SET kind = 'other'",
        "UPDATE ledger_seals SET hash = 'x'",
        "DELETE FROM ledger_seals",
    ],
)
async def test_the_service_itself_cannot_break_a_seal(till: Till, change: str) -> None:
    await till.paid_order()
    await seal_all(till)
    with pytest.raises(DBAPIError, match=r"is sealed|permission denied"):
        async with begin(till.resources.engine) as work:
            await work.connection.execute(text(change))
