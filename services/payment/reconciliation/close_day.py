"""The end of a day: what the neighbouring days explain, and the one row that closes it for good."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.payment.ledger.movements import post_fees
from services.payment.reconciliation.bill_rows import totals
from services.payment.reconciliation.domain import (
    ABOUT_THE_FILE,
    ABOUT_THE_READING,
    Reconciliation,
    Status,
)
from services.payment.reconciliation.storage import Reconciliations
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.wechat.pay import BillKind

_DAY = timedelta(days=1)
_GONE = text(
    "UPDATE reconciliation_differences SET status = 'resolved', resolution = 'gone', resolved_at = :at"
    " WHERE bill_on = :bill_on AND found_run < :run AND status <> 'resolved' AND kind <> ALL(:kept)"
)
_FOUND_NEXT_DAY = text(
    "UPDATE reconciliation_differences d SET status = 'resolved', resolution = 'found_next_day', resolved_at = :at"
    " WHERE d.bill_on = ANY(CAST(:neighbours AS date[])) AND d.status <> 'resolved' AND ("
    "  d.kind = 'missing_in_bill' AND EXISTS (SELECT FROM trade_bill_rows b WHERE b.bill_on = :bill_on"
    "   AND b.number = d.number AND b.kind = d.books_facts->>'kind')"
    "  OR d.kind = 'missing_in_fund_bill' AND EXISTS (SELECT FROM fund_bill_rows f WHERE f.bill_on = :bill_on"
    "   AND f.business_no = d.bill_facts->>'provider_number' AND f.category = d.bill_facts->>'kind'"
    "   AND f.amount_fen = (d.bill_facts->>'settled_fen')::bigint)"
    "  OR d.kind = 'missing_in_trade_bill' AND EXISTS (SELECT FROM trade_bill_rows b WHERE b.bill_on = :bill_on"
    "   AND b.provider_number = d.bill_facts->>'business_no'))"
)
_COUNTS = text(
    "SELECT count(*) FILTER (WHERE status = 'open') AS open, count(*) FILTER (WHERE status = 'carried') AS carried,"
    " count(*) FILTER (WHERE status = 'resolved') AS resolved"
    " FROM reconciliation_differences WHERE bill_on = :bill_on"
)
_CLOSE = text(
    "INSERT INTO reconciliation_closings (bill_on, closed_at, closed_by, trade_sha1, fund_sha1, payments, payments_fen,"
    " refunds, refunds_fen, fees_charged_fen, fees_returned_fen, differences_resolved, differences_carried)"
    " SELECT r.bill_on, :at, :by, t.sha1, f.sha1, :payments, :payments_fen, :refunds, :refunds_fen,"
    "  r.fees_charged_fen, r.fees_returned_fen, :resolved, :carried"
    " FROM reconciliations r JOIN bills t ON t.bill_on = r.bill_on AND t.bill = 'trade'"
    "  JOIN bills f ON f.bill_on = r.bill_on AND f.bill = 'fund' WHERE r.bill_on = :bill_on"
    " RETURNING fees_charged_fen, fees_returned_fen"
)


async def finish_day(resources: PaymentResources, before: Reconciliation, *, at: datetime) -> None:
    """Note that a day was compared, let it and its neighbours explain each other, and close those that can be."""
    day = before.bill_on
    days = [day - _DAY, day, day + _DAY]
    async with begin(resources.engine) as work:
        reconciliations = Reconciliations(work.connection)
        if before not in await reconciliations.lock(*days):
            return
        values = {"bill_on": day, "run": before.run, "kept": [*ABOUT_THE_FILE, *ABOUT_THE_READING], "at": at}
        await work.connection.execute(_GONE, values)
        neighbours = {"bill_on": day, "neighbours": [days[0], days[2]], "at": at}
        await work.connection.execute(_FOUND_NEXT_DAY, neighbours)
        await reconciliations.set_status(day, Status.COMPARED, compared_at=at)
        for each in days:
            await close_if_settled(work, each, by=None, at=at)


async def close_if_settled(work: UnitOfWork, bill_on: date, *, by: UUID | None, at: datetime) -> None:
    """Close a day that was compared whole and has no open difference: once, by one row that stays (PY-09).

    The fees that both bills and our books agree on are booked with it.
    """
    reconciliations = Reconciliations(work.connection)
    (day,) = await reconciliations.lock(bill_on) or (None,)
    if day is None or day.status is not Status.COMPARED:
        return
    counts = (await work.connection.execute(_COUNTS, {"bill_on": bill_on})).one()
    if counts.open:
        return
    found = await totals(work.connection, bill_on, BillKind.TRADE)
    closed = await work.connection.execute(
        _CLOSE,
        {
            "bill_on": bill_on,
            "at": at,
            "by": by,
            "payments": found["payments"],
            "payments_fen": found["total_fen"],
            "refunds": found["refunds"],
            "refunds_fen": found["applied_refund_fen"],
            "resolved": counts.resolved,
            "carried": counts.carried,
        },
    )
    fees = closed.one()
    await post_fees(
        work, bill_on, charged_fen=fees.fees_charged_fen, returned_fen=fees.fees_returned_fen, at=at
    )
    await reconciliations.set_status(bill_on, Status.CLOSED)
