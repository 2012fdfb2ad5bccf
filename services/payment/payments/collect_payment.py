"""Collecting for an order: the intent is committed, then the provider is called, then the answer is recorded (K9)."""

from dataclasses import dataclass
from datetime import datetime

from services.payment.payments.ask_provider import ask_provider
from services.payment.payments.close_payment import make_unpayable
from services.payment.payments.domain import (
    QUERY_AFTER,
    QUERY_ATTEMPT,
    Attempt,
    Payment,
    PaymentOrder,
    PaymentStatus,
)
from services.payment.payments.refusals import (
    Disputed,
    PayerMissing,
    PaymentClosed,
    PaymentDiffers,
    PaymentDisputed,
    PaymentExpired,
    ProviderRefused,
)
from services.payment.payments.storage import Payments
from services.payment.payments.take_payment import take_nothing_to_pay
from services.payment.resources import PaymentResources
from shared.database import begin, committing_each
from shared.wechat.pay import OrderAlreadyPaid, OutcomeUnknown, RequestPayment, WeChatPayRefused

NUMBER_IS_SPENT = ("ORDER_CLOSED", "OUT_TRADE_NO_USED")
"""Refusals after which only a new number can be paid (wechat.md 5.6)."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A payment, and while it is to be paid what ``wx.requestPayment`` takes."""

    payment: Payment
    request_payment: RequestPayment | None


async def collect_payment(resources: PaymentResources, order: PaymentOrder, *, at: datetime) -> Collected:
    """Collect an order's amount, or go on collecting it; the same call again is the same attempt.

    Raises the refusals of ``refusals.py``, and OutcomeUnknown when the provider's answer is not known.
    """
    payment, attempt = await _intend(resources, order, at=at)
    if attempt is None:
        return Collected(payment, None)
    try:
        return Collected(payment, await _prepay(resources, payment, attempt, at=at))
    except OrderAlreadyPaid:
        await _settle(resources, attempt, at=at)
    except WeChatPayRefused as refusal:
        if refusal.code not in NUMBER_IS_SPENT:
            async with begin(resources.engine) as work:
                await Payments(work.connection).record_refusal(attempt.out_trade_no, str(refusal))
            raise ProviderRefused(refusal.message, code=refusal.code) from refusal
        await _retire(resources, attempt, at=at)
    # Paid meanwhile, or the number is spent: the payment has succeeded, or the next number is tried, once.
    payment, attempt = await _intend(resources, order, at=at)
    if attempt is None:
        return Collected(payment, None)
    try:
        return Collected(payment, await _prepay(resources, payment, attempt, at=at))
    except WeChatPayRefused as refusal:
        raise OutcomeUnknown(f"also the next number was refused: {refusal.code}") from refusal


async def _intend(
    resources: PaymentResources, order: PaymentOrder, *, at: datetime
) -> tuple[Payment, Attempt | None]:
    """Commit what is about to be asked of the provider; no attempt when there is nothing (more) to pay."""
    async with begin(resources.engine) as work:
        payments = Payments(work.connection)
        payment = await payments.open(order, at=at)
        if payment is None:
            raise PaymentDiffers()
        if payment.status is PaymentStatus.CLOSED or payment.closing_at is not None:
            raise PaymentClosed()
        if not payment.is_for(order):
            raise PaymentDiffers()
        if payment.status is PaymentStatus.SUCCEEDED:
            return payment, None
        if payment.amount_fen == 0:
            return await take_nothing_to_pay(work, payment, at=at), None
        if payment.payer_openid is None:
            raise PayerMissing()
        if at >= payment.expires_at:
            raise PaymentExpired()
        attempt = await payments.open_attempt(payment, at=at)
        if attempt.usable_prepay_id(at=at) is None:
            await payments.intend_prepay(attempt, at=at)
            await work.timers.set(QUERY_ATTEMPT, attempt.out_trade_no, due_at=at + QUERY_AFTER[0])
        return payment, attempt


async def _prepay(
    resources: PaymentResources, payment: Payment, attempt: Attempt, *, at: datetime
) -> RequestPayment:
    """The client's parameters for an attempt, with a new prepay_id under its same number when there is none."""
    prepay_id = attempt.usable_prepay_id(at=at)
    if prepay_id is None:
        assert payment.payer_openid is not None
        prepay_id = await resources.answered(
            resources.wechat_pay.prepay(
                attempt.out_trade_no,
                description=payment.description,
                total_fen=payment.amount_fen,
                openid=payment.payer_openid,
                notify_url=resources.payment_notify_url,
                time_expire=payment.expires_at,
                shares_profit=attempt.share_rule_version is not None,
            )
        )
        async with committing_each(resources.engine) as connection:
            may_be_paid = await Payments(connection).record_prepay(attempt, prepay_id, at=at)
        if not may_be_paid:
            raise PaymentClosed()
    return await resources.wechat_pay.request_payment(prepay_id)


async def _settle(resources: PaymentResources, attempt: Attempt, *, at: datetime) -> None:
    """The provider says that the attempt is paid: take the payment."""
    try:
        await ask_provider(resources, attempt.out_trade_no, at=at)
    except Disputed as disputed:
        raise PaymentDisputed() from disputed


async def _retire(resources: PaymentResources, attempt: Attempt, *, at: datetime) -> None:
    """Close an attempt whose number is spent, so that it can never be paid beside the next one."""
    try:
        await make_unpayable(resources, attempt, at=at)
    except Disputed as disputed:
        raise PaymentDisputed() from disputed
