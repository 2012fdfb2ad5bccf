"""Taking the provider's word that an attempt was paid: the only way by which money comes in."""

import logging
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from services.payment.ledger.movements import post_receipt
from services.payment.ledger.storage import Account
from services.payment.payments.domain import (
    QUERY_ATTEMPT,
    Attempt,
    AttemptStatus,
    Method,
    Payment,
    PaymentStatus,
    Surplus,
    differences,
)
from services.payment.payments.refusals import Disputed, UnknownNumber
from services.payment.payments.storage import Payments
from services.payment.profit_sharing.start_sharing import start_sharing
from services.payment.refunds.refund_surplus import refund_surplus
from services.payment.security.storage import SecurityEvents
from shared.database import UnitOfWork
from shared.events import PaymentSucceeded
from shared.wechat.pay import PaySettings, Transaction

log = logging.getLogger(__name__)


class Taken(StrEnum):
    """What a statement of payment came to."""

    SUCCEEDED = "succeeded"
    SURPLUS = "surplus"
    KNOWN = "known"


async def take_payment(work: UnitOfWork, said: Transaction, *, account: PaySettings, at: datetime) -> Taken:
    """Take a verified statement that an attempt was paid: the payment succeeds, or the money goes back (P3, P5).

    Repeats change nothing. Raises UnknownNumber, and Disputed when it is not what was ordered (wechat.md 5.8).
    """
    payments = Payments(work.connection)
    found = await payments.lock_by_number(said.out_trade_no)
    if found is None:
        raise UnknownNumber(said.out_trade_no)
    payment, attempt = found
    if different := differences(said, payment, attempt, account):
        raise Disputed(said.out_trade_no, different)
    assert said.transaction_id is not None
    if attempt.status is AttemptStatus.SUCCEEDED:
        return Taken.KNOWN
    paid_at = said.success_time or at
    await work.timers.cancel(QUERY_ATTEMPT, attempt.out_trade_no)
    if payment.status is PaymentStatus.PAYING:
        await _succeed(work, payment, attempt, said.transaction_id, paid_at=paid_at, at=at)
        return Taken.SUCCEEDED
    reason = Surplus.LATE if payment.status is PaymentStatus.CLOSED else Surplus.DUPLICATE
    await give_back(work, payment, attempt, said, reason=reason, at=at)
    return Taken.SURPLUS


async def take_nothing_to_pay(work: UnitOfWork, payment: Payment, *, at: datetime) -> Payment:
    """A payment of nothing, locked, succeeds at once and without the provider (M3); the payment as it is then."""
    transaction_id = f"ZERO-{payment.order_number}"
    await Payments(work.connection).succeed(payment, transaction_id, method=Method.ZERO, at=at)
    await work.outbox.add(_succeeded(payment, Method.ZERO, paid_at=at), at=at)
    return replace(payment, status=PaymentStatus.SUCCEEDED, method=Method.ZERO, transaction_id=transaction_id)


async def _succeed(
    work: UnitOfWork,
    payment: Payment,
    attempt: Attempt,
    transaction_id: str,
    *,
    paid_at: datetime,
    at: datetime,
) -> None:
    await Payments(work.connection).succeed_by_attempt(payment, attempt, transaction_id, at=paid_at)
    await post_receipt(
        work,
        attempt.out_trade_no,
        payment.amount_fen,
        owed_to=Account.ORDER_RECEIPTS,
        payment_id=payment.payment_id,
        at=at,
    )
    await start_sharing(work, payment, attempt, transaction_id, paid_at=paid_at, at=at)
    await work.outbox.add(_succeeded(payment, Method.WECHAT_PAY, paid_at=paid_at), at=at)


async def give_back(
    work: UnitOfWork, payment: Payment, attempt: Attempt, said: Transaction, *, reason: Surplus, at: datetime
) -> None:
    """Take what the provider says was paid by an attempt, locked, and begin to refund it in full (P5)."""
    await Payments(work.connection).pay_attempt(
        attempt, said.transaction_id, paid_fen=said.total_fen, surplus=reason, at=said.success_time or at
    )
    await post_receipt(
        work,
        attempt.out_trade_no,
        said.total_fen,
        owed_to=Account.SURPLUS_PAYABLE,
        payment_id=payment.payment_id,
        at=at,
    )
    await refund_surplus(work, payment, attempt, said.total_fen, reason=reason, at=at)
    await SecurityEvents(work.connection).record(
        "surplus-payment", attempt.out_trade_no, detail={"reason": reason}, at=at
    )
    log.warning("surplus payment", extra={"out_trade_no": attempt.out_trade_no, "reason": reason})


def _succeeded(payment: Payment, method: Method, *, paid_at: datetime) -> PaymentSucceeded:
    return PaymentSucceeded(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        amount_fen=payment.amount_fen,
        method=method,
        paid_at=paid_at,
    )
