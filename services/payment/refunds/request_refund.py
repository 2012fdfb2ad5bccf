"""Giving back a part of what an order paid, on the order service's word."""

from dataclasses import replace
from datetime import datetime

from services.payment.ledger.storage import Account
from services.payment.payments.domain import Payment, PaymentStatus
from services.payment.payments.storage import Payments
from services.payment.profit_sharing.amounts import Back
from services.payment.profit_sharing.take_back import plan_shares_back, take_shares_back
from services.payment.refunds.begin_refund import begin_refund
from services.payment.refunds.domain import Refund, RefundAttemptStatus, RefundKind, RefundStatus
from services.payment.refunds.retry_refund import retry_refund
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import AT_MERCHANT
from shared.database import UnitOfWork
from shared.events import RefundFailed, RefundRequested, RefundSucceeded
from shared.messaging.reactions import TooEarly

TOO_MUCH = "more than is left of what was paid, or more than 50 refunds"
NEVER_PAID = "the order was never paid"


async def request_refund(work: UnitOfWork, asked: RefundRequested, *, at: datetime) -> None:
    """Set the amount aside and begin the refund, once per ``refund_id``; too much is refused (P8).

    Nothing to give back succeeds at once. Asked for again, a failed refund goes on under its number. Raises TooEarly
    while the order's payment has not succeeded.
    """
    payment = await Payments(work.connection).find(asked.order_id)
    if payment is None or payment.status is PaymentStatus.PAYING:
        raise TooEarly(f"order {asked.order_id} has not been paid")
    refunds = Refunds(work.connection)
    if (before := await refunds.lock(asked.refund_id)) is not None:
        await _again(work, before, asked, payment, at=at)
    elif payment.status is PaymentStatus.CLOSED:
        await work.outbox.add(_failed(asked, payment, NEVER_PAID, at=at), at=at)
    elif asked.refund_fen == 0:
        await work.outbox.add(_nothing_owed(asked, payment, at=at), at=at)
    elif (shares := await _reserve(work, payment, asked, at=at)) is not None:
        out_trade_no = await refunds.paid_number(payment.payment_id)
        refund = _refund(asked, payment, out_trade_no)
        await begin_refund(work, refund, taken_from=Account.ORDER_RECEIPTS, at=at)
        await take_shares_back(work, refund, shares, at=at)
    else:
        refused = replace(_refund(asked, payment, ""), status=RefundStatus.REFUSED)
        await refunds.add(refused, failure=TOO_MUCH, at=at)
        await work.outbox.add(_failed(asked, payment, TOO_MUCH, at=at), at=at)


async def _reserve(
    work: UnitOfWork, payment: Payment, asked: RefundRequested, *, at: datetime
) -> list[Back] | None:
    """Set the amount aside, and what of it receivers of shares must give back first; None when it is too much."""
    planned = await plan_shares_back(work, payment.payment_id, asked.refund_fen, at=at)
    share_back_fen = sum(back.amount_fen for back in planned)
    refunds = Refunds(work.connection)
    is_left = await refunds.reserve(payment.payment_id, asked.refund_fen, share_back_fen=share_back_fen)
    return planned if is_left else None


async def _again(
    work: UnitOfWork, refund: Refund, asked: RefundRequested, payment: Payment, *, at: datetime
) -> None:
    """What was refused, or went to the merchant, stays so; what failed is tried again; the rest is under way or done."""
    if refund.status is RefundStatus.REFUSED:
        await work.outbox.add(_failed(asked, payment, TOO_MUCH, at=at), at=at)
    elif refund.status is RefundStatus.FAILED:
        newest = await Refunds(work.connection).newest_attempt(refund.refund_id)
        if newest.status is RefundAttemptStatus.SUCCEEDED:
            await work.outbox.add(_failed(asked, payment, AT_MERCHANT, at=at), at=at)
        else:
            await retry_refund(work, refund, at=at)


def _refund(asked: RefundRequested, payment: Payment, out_trade_no: str) -> Refund:
    return Refund(
        refund_id=asked.refund_id,
        refund_number=asked.refund_number,
        kind=RefundKind.ORDER,
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        out_trade_no=out_trade_no,
        total_fen=payment.amount_fen,
        refund_fen=asked.refund_fen,
        reason=asked.reason,
        status=RefundStatus.PROCESSING,
    )


def _nothing_owed(asked: RefundRequested, payment: Payment, *, at: datetime) -> RefundSucceeded:
    return RefundSucceeded(
        refund_id=asked.refund_id,
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        refund_fen=0,
        refunded_at=at,
    )


def _failed(asked: RefundRequested, payment: Payment, reason: str, *, at: datetime) -> RefundFailed:
    return RefundFailed(
        refund_id=asked.refund_id,
        order_id=payment.order_id,
        payment_id=payment.payment_id,
        reason=reason,
        failed_at=at,
    )
