"""A second try of a refund that WeChat Pay could not pay out, on an operator's word here or at the order service."""

from datetime import datetime

from services.payment.refunds.domain import (
    ADVANCE_REFUND,
    Refund,
    RefundAttempt,
    RefundAttemptStatus,
    RefundStatus,
)
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import AT_MERCHANT
from shared.database import UnitOfWork
from shared.http.problems import NotFound, Problem


class RefundNotFailed(Problem):
    """Only a failed refund's newest attempt can be tried again."""

    slug, title, status = "payment/refund-not-failed", "This refund is not waiting for a decision", 409


async def retry_by_number(work: UnitOfWork, out_refund_no: str, *, at: datetime) -> str:
    """Go on with the failed refund of an attempt; returns the number under which. Raises NotFound, RefundNotFailed."""
    refund, attempt = await lock_failed(work, out_refund_no)
    if attempt.status is RefundAttemptStatus.SUCCEEDED:
        raise RefundNotFailed(f"This cannot be tried again: {AT_MERCHANT}.")
    return await retry_refund(work, refund, at=at)


async def lock_failed(work: UnitOfWork, out_refund_no: str) -> tuple[Refund, RefundAttempt]:
    """A failed refund, locked, and its newest attempt, named by its number; raises NotFound, RefundNotFailed."""
    refunds = Refunds(work.connection)
    found = await refunds.lock_by_number(out_refund_no)
    if found is None:
        raise NotFound()
    refund, attempt = found
    if refund.status is not RefundStatus.FAILED:
        raise RefundNotFailed()
    if attempt != await refunds.newest_attempt(refund.refund_id):
        raise RefundNotFailed("A later number is being tried.")
    return refund, attempt


async def retry_refund(work: UnitOfWork, refund: Refund, *, at: datetime) -> str:
    """Go on with a failed refund, locked; returns the number under which.

    ABNORMAL is queried again (the money may have been paid out by hand), a refused one is called for again, both under
    the same number; only after CLOSED does WeChat Pay want a new one (wechat.md 5.10).
    """
    refunds = Refunds(work.connection)
    attempt = await refunds.newest_attempt(refund.refund_id)
    out_refund_no = attempt.out_refund_no
    match attempt.status:
        case RefundAttemptStatus.CLOSED:
            out_refund_no = await refunds.add_attempt(refund, attempt.number + 1, at=at)
        case RefundAttemptStatus.ABNORMAL:
            await refunds.move_attempt(out_refund_no, RefundAttemptStatus.PROCESSING, at=at)
        case _:
            await refunds.move_attempt(out_refund_no, RefundAttemptStatus.REQUESTED, at=at)
    await refunds.move(refund, RefundStatus.PROCESSING, at=at)
    await work.timers.set(ADVANCE_REFUND, out_refund_no, due_at=at)
    return out_refund_no
