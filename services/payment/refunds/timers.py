"""The calls that give money back, made by the clock."""

from datetime import datetime

from services.payment.refunds import advance_refund as refunds
from services.payment.refunds.domain import ADVANCE_REFUND
from services.payment.resources import PaymentResources
from shared.timers.loop import Timer, Timers

timers: Timers[PaymentResources] = Timers()


@timers.on(ADVANCE_REFUND)
async def advance_refund(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Call, or query, until the refund attempt is finished."""
    return await refunds.advance_refund(resources, timer.key, at=resources.clock.now())
