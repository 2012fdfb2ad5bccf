"""Bringing a refund forward at the provider: call, or query, always under the same number (K9)."""

from datetime import datetime

from services.payment.payments.refusals import Disputed
from services.payment.payments.report_dispute import report_dispute
from services.payment.profit_sharing.take_back import shares_are_back
from services.payment.refunds.domain import (
    LOOK_AGAIN_AFTER,
    UNFINISHED,
    WAITING,
    Refund,
    RefundAttempt,
    RefundAttemptStatus,
    next_call_at,
    next_query_at,
)
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import fail_refund, take_refund
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.wechat.pay import OutcomeUnknown, Refund as SaidRefund, WeChatPayRefused


async def advance_refund(resources: PaymentResources, out_refund_no: str, *, at: datetime) -> datetime | None:
    """Take one step with a refund attempt; returns when the next is due, None when there is nothing left to do.

    Whoever got a share of the money gives it back first; the last return wakes the refund.
    """
    async with begin(resources.engine) as work:
        refunds = Refunds(work.connection)
        found = await refunds.lock_by_number(out_refund_no)
        if found is None or found[1].status not in UNFINISHED:
            return None
        refund, attempt = found
        if not await shares_are_back(work, refund, at=at):
            return at + LOOK_AGAIN_AFTER
        await refunds.count_call(out_refund_no, at=at)
    calls = attempt.calls + 1
    try:
        said = await _ask(resources, refund, attempt)
        async with begin(resources.engine) as work:
            await take_refund(work, said, at=at)
    except OutcomeUnknown as unknown:
        await _wait(resources, out_refund_no, str(unknown))
        return next_call_at(calls, at=at)
    except WeChatPayRefused as refusal:
        return await _refused(resources, attempt, refusal, calls=calls, at=at)
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source="refund", at=at)
        await _wait(resources, out_refund_no, str(disputed))
        return next_query_at(calls, at=at)
    async with begin(resources.engine) as work:
        now_standing = await Refunds(work.connection).attempt(out_refund_no)
    if now_standing is None or now_standing.status not in UNFINISHED:
        return None
    return next_query_at(now_standing.calls + 1, at=at)


async def _ask(resources: PaymentResources, refund: Refund, attempt: RefundAttempt) -> SaidRefund:
    """Query an attempt that the provider may know, else apply for it."""
    wechat_pay = resources.wechat_pay
    if attempt.calls > 0 or attempt.status is RefundAttemptStatus.PROCESSING:
        said = await resources.answered(wechat_pay.refund_by_number(attempt.out_refund_no))
        if said is not None:
            return said
    return await resources.answered(
        wechat_pay.refund(
            attempt.out_refund_no,
            out_trade_no=refund.out_trade_no,
            refund_fen=refund.refund_fen,
            total_fen=refund.total_fen,
            notify_url=resources.refund_notify_url,
            reason=refund.reason,
        )
    )


async def _refused(
    resources: PaymentResources,
    attempt: RefundAttempt,
    refusal: WeChatPayRefused,
    *,
    calls: int,
    at: datetime,
) -> datetime | None:
    """Wait when the refusal passes by itself; else leave it to an operator, who tries the same number again."""
    if refusal.code in WAITING or attempt.status is RefundAttemptStatus.PROCESSING:
        await _wait(resources, attempt.out_refund_no, str(refusal))
        return next_call_at(calls, at=at)
    async with begin(resources.engine) as work:
        refunds = Refunds(work.connection)
        found = await refunds.lock_by_number(attempt.out_refund_no)
        if found is not None and found[1].status is RefundAttemptStatus.REQUESTED:
            await refunds.move_attempt(
                attempt.out_refund_no, RefundAttemptStatus.REFUSED, error=str(refusal), at=at
            )
            await fail_refund(work, found[0], f"WeChat Pay refuses: {refusal.code}", at=at)
    return None


async def _wait(resources: PaymentResources, out_refund_no: str, error: str) -> None:
    async with begin(resources.engine) as work:
        await Refunds(work.connection).note_wait(out_refund_no, error)
