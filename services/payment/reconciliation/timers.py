"""The clock of reconciliation: each day is asked for once its bills are there, and brought forward to its end."""

from datetime import date, datetime, timedelta

from services.payment.reconciliation import reconcile_day as days
from services.payment.reconciliation.ask_day import ask_days_that_are_over
from services.payment.reconciliation.domain import (
    OPEN_RECONCILIATIONS,
    RECONCILE,
    bills_ready_at,
    last_billed_day,
)
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.timers.loop import Timer, Timers

timers: Timers[PaymentResources] = Timers()


@timers.on(OPEN_RECONCILIATIONS)
async def open_reconciliations(resources: PaymentResources, timer: Timer) -> datetime:
    """Ask for the days that are over, every morning; days missed while the shop was away come with the next."""
    at = resources.clock.now()
    async with begin(resources.engine) as work:
        await ask_days_that_are_over(work, at=at)
    return bills_ready_at(last_billed_day(at) + timedelta(days=1))


@timers.on(RECONCILE)
async def reconcile_day(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Bring a day forward."""
    return await days.reconcile_day(resources, date.fromisoformat(timer.key), at=resources.clock.now())
