"""Looking at the provider by itself, so that a payment counts also when its notice never comes (P3, M8)."""

from datetime import datetime

from services.payment.payments.ask_provider import Standing, ask_provider
from services.payment.payments.domain import QUERY_AT_LEAST_EVERY, QUERY_ATTEMPT, AttemptStatus
from services.payment.payments.refusals import Disputed
from services.payment.payments.storage import Payments
from services.payment.resources import PaymentResources
from shared.database import reading
from shared.timers.loop import Timer, Timers
from shared.wechat.pay import OutcomeUnknown

timers: Timers[PaymentResources] = Timers()


@timers.on(QUERY_ATTEMPT)
async def query_attempt(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Query an attempt until it is paid or closed; a disputed one waits for a person."""
    async with reading(resources.engine) as connection:
        attempt = await Payments(connection).attempt(timer.key)
    if attempt is None or attempt.status is AttemptStatus.SUCCEEDED:
        return None
    at = resources.clock.now()
    try:
        standing = await ask_provider(resources, attempt.out_trade_no, at=at)
    except OutcomeUnknown:
        return attempt.next_query_at(at=at) if attempt.is_open else at + QUERY_AT_LEAST_EVERY
    except Disputed:
        return None
    if attempt.is_open and standing in (Standing.UNPAID, Standing.UNKNOWN):
        return attempt.next_query_at(at=at)
    return None
