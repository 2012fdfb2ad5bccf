"""Comparing a day's bills with our books and with each other, a batch a transaction."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import TextClause

from services.payment.reconciliation.comparison import (
    COMPARE_FUNDS,
    COMPARE_PAYMENTS,
    COMPARE_REFUNDS,
    COMPARE_SETTLEMENTS,
    COMPARE_TRADES,
)
from services.payment.reconciliation.domain import Pace, Reconciliation, Step, agreeing_states
from services.payment.reconciliation.storage import Reconciliations
from services.payment.resources import PaymentResources
from shared.clock import day_starts_at
from shared.connection import Connection, Row
from shared.database import begin
from shared.wechat.pay import BillKind

_DAY = timedelta(days=1)
_BEFORE_EVERYTHING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RowComparison:
    """A comparison that walks along a bill's rows; the first along a bill counts how far it came."""

    statement: TextClause
    kind: BillKind
    counts: bool


BY_ROWS = {
    Step.COMPARE_TRADES: RowComparison(COMPARE_TRADES, BillKind.TRADE, counts=True),
    Step.COMPARE_SETTLEMENTS: RowComparison(COMPARE_SETTLEMENTS, BillKind.TRADE, counts=False),
    Step.COMPARE_FUNDS: RowComparison(COMPARE_FUNDS, BillKind.FUND, counts=True),
}
BY_BOOKS = {Step.COMPARE_PAYMENTS: COMPARE_PAYMENTS, Step.COMPARE_REFUNDS: COMPARE_REFUNDS}


async def compare_batch(
    resources: PaymentResources, before: Reconciliation, *, pace: Pace, at: datetime
) -> None:
    """Compare the next batch of the day's present step."""
    async with begin(resources.engine) as work:
        if not await Reconciliations(work.connection).still(before):
            return
        if (comparison := BY_ROWS.get(before.step)) is not None:
            await _compare_rows(work.connection, before, comparison, pace=pace, at=at)
        else:
            await _compare_books(work.connection, before, BY_BOOKS[before.step], pace=pace, at=at)


async def _compare_rows(
    connection: Connection,
    before: Reconciliation,
    comparison: RowComparison,
    *,
    pace: Pace,
    at: datetime,
) -> None:
    """Row numbers have holes where rows were unreadable, so the end is where the rows end."""
    reconciliations = Reconciliations(connection)
    upto = before.position + pace.rows
    places = {"after": before.position, "upto": upto, "agreeing": agreeing_states()}
    row = await _run(connection, comparison.statement, before, places, at=at)
    bill = await reconciliations.bill(before.bill_on, comparison.kind)
    is_done = upto >= bill.rows_read
    if comparison.counts:
        await reconciliations.count_compared(before.bill_on, comparison.kind, min(upto, bill.rows_read))
    await reconciliations.move(
        before.bill_on,
        before.step.next if is_done else before.step,
        position=0 if is_done else upto,
        fees_charged_fen=getattr(row, "fees_charged_fen", 0),
        fees_returned_fen=getattr(row, "fees_returned_fen", 0),
    )


async def _compare_books(
    connection: Connection, before: Reconciliation, statement: TextClause, *, pace: Pace, at: datetime
) -> None:
    places = {
        "cursor_at": before.cursor_at or _BEFORE_EVERYTHING,
        "cursor_number": before.cursor_number or "",
        "limit": pace.rows,
    }
    last = await _run(connection, statement, before, places, at=at)
    rows = 0 if last is None else last.rows
    is_done = rows < pace.rows
    await Reconciliations(connection).move(
        before.bill_on,
        before.step.next if is_done else before.step,
        cursor=None if is_done or last is None else (last.booked_at, last.number),
        payments=rows if before.step is Step.COMPARE_PAYMENTS else 0,
        refunds=rows if before.step is Step.COMPARE_REFUNDS else 0,
    )


async def _run(
    connection: Connection,
    statement: TextClause,
    before: Reconciliation,
    places: dict[str, Any],
    *,
    at: datetime,
) -> Row | None:
    day = before.bill_on
    values = {
        **places,
        "bill_on": day,
        "run": before.run,
        "at": at,
        "day_before": day - _DAY,
        "day_after": day + _DAY,
        "start": day_starts_at(day),
        "end": day_starts_at(day + _DAY),
        "early": day_starts_at(day - _DAY),
        "late": day_starts_at(day + 2 * _DAY),
    }
    named = {name: values[name] for name in statement._bindparams}
    return (await connection.execute(statement, named)).one_or_none()
