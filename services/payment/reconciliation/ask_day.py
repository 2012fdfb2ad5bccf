"""Asking for days to be reconciled: each morning by itself, and any past day on an operator's word."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.payment.reconciliation.domain import (
    RECONCILE,
    Status,
    first_kept_day,
    last_billed_day,
)
from services.payment.reconciliation.storage import Reconciliations
from shared.clock import shop_day
from shared.database import UnitOfWork
from shared.http.problems import Problem

_FIRST_PAID = text("SELECT min(paid_at) FROM attempts WHERE status = 'succeeded'")


class BillNotAvailable(Problem):
    """The day is not over, its bills are not there before 10:05, or they were kept for three months only."""

    slug, title, status = "payment/bill-not-available", "There are no bills of this day", 409


class ReconciliationClosed(Problem):
    """A closed day stays as it is."""

    slug, title, status = "payment/reconciliation-closed", "This day is closed", 409


async def ask_day(work: UnitOfWork, bill_on: date, *, by: UUID | None, at: datetime) -> None:
    """Have a day reconciled, again when it was compared before; raises BillNotAvailable, ReconciliationClosed."""
    if not first_kept_day(at) <= bill_on <= last_billed_day(at):
        raise BillNotAvailable(first_on=str(first_kept_day(at)), last_on=str(last_billed_day(at)))
    reconciliations = Reconciliations(work.connection)
    await reconciliations.open([bill_on], by=by, at=at)
    (day,) = await reconciliations.lock(bill_on)
    if day.status is Status.CLOSED:
        raise ReconciliationClosed()
    if day.status is Status.COMPARED:
        await reconciliations.restart(bill_on, by=by, at=at)
    await work.timers.set(RECONCILE, bill_on.isoformat(), due_at=at)


async def ask_days_that_are_over(work: UnitOfWork, *, at: datetime) -> None:
    """Ask for every day from the first payment on whose bills can be there and which nobody asked for yet (K16)."""
    paid_at: datetime | None = (await work.connection.execute(_FIRST_PAID)).scalar_one()
    if paid_at is None:
        return
    first, last = max(shop_day(paid_at), first_kept_day(at)), last_billed_day(at)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for day in await Reconciliations(work.connection).open(days, by=None, at=at):
        await work.timers.set(RECONCILE, day.isoformat(), due_at=at)
