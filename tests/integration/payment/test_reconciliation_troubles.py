"""Reconciliation when bills come late, wrong or expired, when it is cut off, and around midnight (PY-09, K16)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from typing import Any

import pytest

from services.payment.reconciliation.domain import Pace
from services.payment.reconciliation.reconcile_day import reconcile_day
from tests.integration.payment.bookkeeping import Bookkeeping
from tests.support.statements import heard

EXPIRED = {"kind": "error", "status": 400, "code": "INVALID_REQUEST"}
NOT_READY = {"kind": "error", "status": 400, "code": "STATEMENT_CREATING"}
ROWS = 40


def call_fault(api: str, action: dict[str, Any], *, times: int = 1) -> dict[str, Any]:
    """How WeChat misbehaves about bills."""
    return {"match": {"api": api}, "times": times, "action": action}


async def test_a_bad_hash_closes_no_day(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.rules(bill_hash_is_wrong=True)

    view = await books.morning_after(day)

    assert (view["status"], view["step"]) == ("running", "read_trades")
    assert view["bills"]["trade"]["rows_read"] == 0
    assert "not the one that was announced" in view["last_error"]
    assert await books.kinds(day, status="open") == [("bad_hash", "file")]
    await books.till.rules(bill_hash_is_wrong=False)
    view = await books.later(day, minutes=11)
    assert (view["status"], view["last_error"], view["payments"]) == ("closed", None, 1)
    (found,) = await books.differences(day)
    assert (found["kind"], found["status"], found["resolution"]) == ("bad_hash", "resolved", "read_whole")


async def test_expired_links_are_asked_for_again(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.wechat.faults(call_fault("bill_download", EXPIRED, times=2))

    view = await books.morning_after(day)

    assert (view["status"], view["payments"]) == ("closed", 1)
    assert await books.kinds(day) == []


async def test_links_that_always_expire_wait_and_differ_in_nothing(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.rules(bill_link_seconds=0)

    view = await books.morning_after(day)

    assert (view["status"], await books.kinds(day)) == ("running", [])
    assert "INVALID_REQUEST" in view["last_error"]
    await books.till.rules(bill_link_seconds=30)
    assert (await books.later(day, minutes=61))["status"] == "closed"


async def test_a_bill_that_is_not_made_yet_is_waited_for(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.wechat.faults(call_fault("bill", NOT_READY))

    view = await books.morning_after(day)

    assert (view["status"], view["step"]) == ("running", "read_trades")
    assert "STATEMENT_CREATING" in view["last_error"]
    assert (await books.later(day, minutes=11))["status"] == "closed"


@pytest.mark.parametrize("kind", ["truncated", "reset"])
async def test_a_download_that_breaks_off_is_made_again(books: Bookkeeping, kind: str) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.wechat.faults(call_fault("bill_download", {"kind": kind}, times=2))

    assert (await books.morning_after(day))["status"] == "running"
    assert (await books.later(day, minutes=3))["status"] == "closed"
    assert await books.kinds(day) == []


async def test_a_payment_at_midnight_may_be_billed_on_the_next_day(books: Bookkeeping) -> None:
    day = await books.new_day(at=time(23, 59, 30))
    order = await books.till.paid_order()
    await books.till.rules(bill_day_ends_early_seconds=60)

    assert (await books.morning_after(day))["status"] == "compared"
    assert await books.kinds(day) == [("missing_in_bill", order["order_number"])]
    next_day = await books.new_day(at=time(20))
    assert (await books.morning_after(next_day))["status"] == "closed"

    (found,) = await books.differences(day)
    assert (found["status"], found["resolution"], found["resolved_by"]) == (
        "resolved",
        "found_next_day",
        None,
    )
    assert (await books.view(day))["status"] == "closed"
    assert await books.kinds(next_day) == []
    assert (await books.view(next_day))["payments"] == 1
    assert [each["amount_fen"] for each in await books.journals_of(next_day)] == [60, -60]
    assert await books.journals_of(day) == []


async def test_a_day_is_shanghais(books: Bookkeeping) -> None:
    day = await books.new_day(at=time(0, 0))
    first = await books.till.paid_order()
    await books.new_day(at=time(23, 59))
    last = await books.till.paid_order()

    view = await books.morning_after(day)

    assert (view["status"], view["payments"]) == ("closed", 2)
    paid = await books.till.rows(
        "SELECT (paid_at AT TIME ZONE 'UTC')::date - CAST(:day AS date) AS days FROM payments"
        " WHERE order_number IN (:first, :last) ORDER BY paid_at",
        day=day,
        first=first["order_number"],
        last=last["order_number"],
    )
    assert [row["days"] for row in paid] == [-1, 0]


async def test_mornings_that_were_missed_are_made_up_for(books: Bookkeeping) -> None:
    days = []
    for _ in range(3):
        days.append(await books.new_day())
        await books.till.paid_order()

    await books.morning_after(days[-1])

    assert [(await books.view(day))["status"] for day in days] == ["closed"] * 3


async def test_a_reading_that_is_killed_goes_on_with_the_next_row(books: Bookkeeping) -> None:
    day = await _busy_day(books)
    assert (await books.ask(day)).status_code == 202

    for step, times in (("INSERT INTO trade_bill_rows", 2), ("INSERT INTO fund_bill_rows", 3)):
        before = (await books.view(day))["bills"]
        with _killed_at(books, step, times=times) as killed:
            assert await killed(day) == "killed"
        after = (await books.view(day))["bills"]
        assert sum(bill["rows_read"] for bill in after.values()) > sum(
            bill["rows_read"] for bill in before.values()
        )
    with _killed_at(books, "INSERT INTO reconciliation_differences", times=4) as killed:
        assert await killed(day) == "killed"
    await _finish(books, day)

    assert (await books.view(day))["status"] == "closed"
    assert await _row_numbers(books, "trade_bill_rows", day) == list(range(1, ROWS + 1))
    assert await _row_numbers(books, "fund_bill_rows", day) == list(range(1, 2 * ROWS + 1))


async def test_every_turn_gets_on_however_little_time_it_has(books: Bookkeeping) -> None:
    day = await _busy_day(books)
    assert (await books.ask(day)).status_code == 202

    async def turn() -> bool:
        at = books.till.clock.now()
        pace = Pace(rows=15, seconds=0)
        return await reconcile_day(books.till.resources, day, at=at, pace=pace) is not None

    turns = 1
    while await turn():
        turns += 1
        assert turns < 40

    assert turns > 5
    assert (await books.view(day))["status"] == "closed"
    assert await _row_numbers(books, "trade_bill_rows", day) == list(range(1, ROWS + 1))


async def test_two_workers_at_once_read_and_compare_every_row_once(books: Bookkeeping) -> None:
    day = await _busy_day(books)
    (some,) = await books.till.rows(
        "SELECT min(number) AS number FROM (SELECT out_trade_no AS number FROM attempts WHERE paid_at::date = :day) x",
        day=day,
    )
    await books.damage(("omit", some["number"]))
    assert (await books.ask(day)).status_code == 202

    await asyncio.gather(*(_finish(books, day) for _ in range(3)))

    assert await _row_numbers(books, "trade_bill_rows", day) == list(range(1, ROWS))
    assert await books.kinds(day, kind="missing_in_bill") == [("missing_in_bill", some["number"])]
    view = await books.view(day)
    assert (view["payments_compared"], view["bills"]["trade"]["rows_compared"]) == (ROWS, ROWS - 1)
    assert view["status"] == "compared"


async def test_two_thousand_rows_take_as_many_statements_as_forty_in_as_many_batches(
    books: Bookkeeping,
) -> None:
    async def statements(rows: int, *, at_once: int) -> Counter[str]:
        await books.new_day()  # a neighbour that nobody compared
        day = await books.new_day()
        await books.many_paid(day, rows)
        await books.new_day(at=time(10, 6))
        assert (await books.ask(day)).status_code == 202
        with _counted(books) as made:
            await reconcile_day(
                books.till.resources, day, at=books.till.clock.now(), pace=Pace(rows=at_once, seconds=20)
            )
        view = await books.view(day)
        assert (view["status"], view["payments"], await books.kinds(day)) == ("closed", rows, [])
        assert [bill["rows_read"] for bill in view["bills"].values()] == [2 * rows, rows]
        return Counter(made)

    assert await statements(40, at_once=10) == await statements(2_000, at_once=500)


async def _busy_day(books: Bookkeeping) -> date:
    """A day with some payments, the morning after it."""
    day = await books.new_day()
    await books.many_paid(day, ROWS)
    await books.new_day(at=time(10, 6))
    return day


async def _finish(books: Bookkeeping, day: date) -> None:
    """Work on a day until nothing is left to do, a few rows a transaction."""
    await reconcile_day(books.till.resources, day, at=books.till.clock.now(), pace=Pace(rows=7, seconds=20))


async def _row_numbers(books: Bookkeeping, table: str, day: date) -> list[int]:
    sql = f"SELECT row_number FROM {table} WHERE bill_on = :day ORDER BY row_number"
    return [row["row_number"] for row in await books.till.rows(sql, day=day)]


@contextmanager
def _killed_at(books: Bookkeeping, beginning: str, *, times: int) -> Iterator[Any]:
    """Work that dies, in the middle of its transaction, when a statement begins so for the nth time."""
    seen = 0
    task: asyncio.Task[None] | None = None

    def look(statement: str) -> None:
        nonlocal seen
        seen += beginning in statement
        if seen == times and task is not None:
            task.cancel()

    async def killed(day: date) -> str:
        nonlocal task
        task = asyncio.create_task(_finish(books, day))
        try:
            await task
        except asyncio.CancelledError:
            return "killed"
        return "done"

    with heard(books.till.resources.engine, look):
        yield killed


@contextmanager
def _counted(books: Bookkeeping) -> Iterator[list[str]]:
    """The statements that are made meanwhile."""
    made: list[str] = []
    with heard(books.till.resources.engine, made.append):
        yield made
