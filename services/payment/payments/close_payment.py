"""Making sure that an order will not be paid: query, then close, and never a guess (K15)."""

from datetime import datetime
from uuid import UUID

from services.payment.payments.ask_provider import Standing, ask_provider, note_closed
from services.payment.payments.domain import Attempt, Payment, PaymentStatus
from services.payment.payments.refusals import Disputed
from services.payment.payments.storage import Payments
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.wechat.pay import OrderAlreadyPaid, OutcomeUnknown, WeChatPayRefused

NOT_KNOWN = ("ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS")
CLOSED_ALREADY = ("ORDER_CLOSED",)


async def close_payment(resources: PaymentResources, order_id: UUID, *, at: datetime) -> Payment:
    """Close the order's payment unless it was paid; an order never heard of gets a closed tombstone.

    Still PAYING afterwards only when the provider reports something that was not ordered: an operator must look.
    Raises OutcomeUnknown; the same call may be repeated until it is known.
    """
    async with begin(resources.engine) as work:
        payments = Payments(work.connection)
        payment = await payments.bury(order_id, at=at)
        if payment.status is not PaymentStatus.PAYING:
            return payment
        await payments.start_closing(payment, at=at)
        attempts = await payments.attempts(payment.payment_id)
    for attempt in attempts:
        if attempt.is_open:
            try:
                await make_unpayable(resources, attempt, at=at)
            except Disputed:
                return payment
    async with begin(resources.engine) as work:
        return await Payments(work.connection).close(order_id, at=at)


async def make_unpayable(resources: PaymentResources, attempt: Attempt, *, at: datetime) -> None:
    """Leave an open attempt closed at the provider and here, or paid; raises OutcomeUnknown, Disputed."""
    if await ask_provider(resources, attempt.out_trade_no, at=at) in (Standing.PAID, Standing.CLOSED):
        return
    try:
        await resources.answered(resources.wechat_pay.close(attempt.out_trade_no))
    except OrderAlreadyPaid:
        if await ask_provider(resources, attempt.out_trade_no, at=at) is not Standing.PAID:
            raise OutcomeUnknown("paid by one answer, not paid by another") from None
        return
    except WeChatPayRefused as refusal:
        is_not_known = refusal.code in NOT_KNOWN and not attempt.may_appear(at=at)
        if not is_not_known and refusal.code not in CLOSED_ALREADY:
            raise OutcomeUnknown(f"close was refused: {refusal.code}") from refusal
    async with begin(resources.engine) as work:
        await note_closed(work, attempt.out_trade_no, at=at)
