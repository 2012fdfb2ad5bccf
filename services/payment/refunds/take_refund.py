"""Taking the provider's word about a refund: the only way by which money goes out of the books."""

import logging
from datetime import datetime

from services.payment.ledger.movements import post_payout, post_sent_to_merchant
from services.payment.payments.refusals import Disputed, UnknownNumber
from services.payment.refunds.domain import (
    ADVANCE_REFUND,
    Refund,
    RefundAttemptStatus,
    RefundKind,
    RefundStatus,
    SentTo,
    differences,
)
from services.payment.refunds.storage import Refunds
from shared.database import UnitOfWork
from shared.events import RefundFailed, RefundSucceeded, SurplusRefunded
from shared.wechat.pay import Refund as SaidRefund, RefundStatus as Said

log = logging.getLogger(__name__)

STANDING = {
    Said.PROCESSING: RefundAttemptStatus.PROCESSING,
    Said.SUCCESS: RefundAttemptStatus.SUCCEEDED,
    Said.ABNORMAL: RefundAttemptStatus.ABNORMAL,
    Said.CLOSED: RefundAttemptStatus.CLOSED,
}
AT_MERCHANT = "the money is in the merchant's bank account: pay the shopper and settle it outside"

FINAL = (RefundAttemptStatus.SUCCEEDED, RefundAttemptStatus.CLOSED)


async def take_refund(work: UnitOfWork, said: SaidRefund, *, at: datetime) -> None:
    """Take a verified statement about a refund; repeats and late PROCESSING change nothing.

    ABNORMAL may still become SUCCESS, when the money was paid out by hand or elsewhere. Raises UnknownNumber, and
    Disputed when it is not what was asked for, contradicts a final state, or pays what the shop paid by itself.
    """
    refunds = Refunds(work.connection)
    found = await refunds.lock_by_number(said.out_refund_no)
    if found is None:
        raise UnknownNumber(said.out_refund_no)
    refund, attempt = found
    if different := differences(said, refund, attempt):
        raise Disputed(refund.out_trade_no, different)
    status = STANDING[said.status]
    if attempt.status is status or (said.status is Said.PROCESSING and attempt.status in FINAL):
        return
    if attempt.status in FINAL:
        raise Disputed(refund.out_trade_no, {"status": said.status})
    if said.status is Said.PROCESSING and attempt.status is RefundAttemptStatus.ABNORMAL:
        return
    to_merchant = attempt.sent_to is SentTo.MERCHANT_ACCOUNT
    if refund.status is RefundStatus.SUCCEEDED:  # settled outside
        if said.status is not Said.SUCCESS:
            return
        if not to_merchant:
            raise Disputed(refund.out_trade_no, {"status": said.status})
    accepted_at = said.create_time or at
    await refunds.move_attempt(
        said.out_refund_no, status, wechat_refund_id=said.refund_id, accepted_at=accepted_at, at=at
    )
    match said.status:
        case Said.SUCCESS:
            await work.timers.cancel(ADVANCE_REFUND, said.out_refund_no)
            if to_merchant:
                await _reach_merchant(work, refund, at=at)
            else:
                await _succeed(work, refund, refunded_at=said.success_time or at, at=at)
        case Said.ABNORMAL | Said.CLOSED:
            await fail_refund(work, refund, f"WeChat Pay says {said.status}", at=at)


async def fail_refund(work: UnitOfWork, refund: Refund, reason: str, *, at: datetime) -> None:
    """The provider could not pay it out: an operator must decide. What was set aside stays so."""
    if await Refunds(work.connection).move(refund, RefundStatus.FAILED, failure=reason, at=at):
        log.error("refund failed", extra={"refund_number": refund.refund_number, "reason": reason})
        if refund.kind is RefundKind.ORDER:
            failed = RefundFailed(
                refund_id=refund.refund_id,
                order_id=refund.order_id,
                payment_id=refund.payment_id,
                reason=reason,
                failed_at=at,
            )
            await work.outbox.add(failed, at=at)


async def _reach_merchant(work: UnitOfWork, refund: Refund, *, at: datetime) -> None:
    """The money is the merchant's again and still owed to the payer: an operator pays it and says so."""
    await post_sent_to_merchant(
        work, refund.refund_id, refund.refund_fen, payment_id=refund.payment_id, at=at
    )
    await fail_refund(work, refund, AT_MERCHANT, at=at)


async def _succeed(work: UnitOfWork, refund: Refund, *, refunded_at: datetime, at: datetime) -> None:
    if await announce_refunded(work, refund, refunded_at=refunded_at, at=at):
        await post_payout(work, refund.refund_id, refund.refund_fen, payment_id=refund.payment_id, at=at)


async def announce_refunded(work: UnitOfWork, refund: Refund, *, refunded_at: datetime, at: datetime) -> bool:
    """The payer has the money; False when that was known."""
    is_new = await Refunds(work.connection).move(refund, RefundStatus.SUCCEEDED, at=refunded_at)
    if is_new:
        await work.outbox.add(_announcement(refund, refunded_at=refunded_at), at=at)
    return is_new


def _announcement(refund: Refund, *, refunded_at: datetime) -> RefundSucceeded | SurplusRefunded:
    if refund.kind is RefundKind.SURPLUS:
        return SurplusRefunded(
            payment_id=refund.payment_id,
            order_id=refund.order_id,
            amount_fen=refund.refund_fen,
            reason=refund.reason,
            refunded_at=refunded_at,
        )
    return RefundSucceeded(
        refund_id=refund.refund_id,
        order_id=refund.order_id,
        payment_id=refund.payment_id,
        refund_fen=refund.refund_fen,
        refunded_at=refunded_at,
    )
