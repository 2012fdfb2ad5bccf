"""The last resort: a refund that the shop paid by itself, with evidence, because the provider could not."""

from datetime import datetime

from services.payment.ledger.movements import post_settled_outside
from services.payment.payments.refusals import Disputed, PaymentDisputed
from services.payment.payments.report_dispute import report_dispute
from services.payment.refunds.domain import RefundAttemptStatus
from services.payment.refunds.retry_refund import lock_failed
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import announce_refunded, take_refund
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.http.identity import Principal


async def look_at_refund(resources: PaymentResources, out_refund_no: str, *, at: datetime) -> None:
    """Take what the provider says of a refund now, before anybody pays it a second time.

    Raises OutcomeUnknown, and PaymentDisputed when it is not what was asked for.
    """
    said = await resources.answered(resources.wechat_pay.refund_by_number(out_refund_no))
    if said is None:
        return
    try:
        async with begin(resources.engine) as work:
            await take_refund(work, said, at=at)
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source="refund", at=at)
        raise PaymentDisputed() from disputed


async def settle_outside(
    work: UnitOfWork, out_refund_no: str, evidence: str, *, by: Principal, at: datetime
) -> None:
    """Record that the shop paid a failed refund from its own account; raises NotFound, RefundNotFailed."""
    refund, attempt = await lock_failed(work, out_refund_no)
    refunds = Refunds(work.connection)
    if (
        attempt.status is RefundAttemptStatus.REQUESTED
    ):  # it waited for shared money, and must not be called for now
        await refunds.move_attempt(
            out_refund_no,
            RefundAttemptStatus.REFUSED,
            error="settled outside before it was called for",
            at=at,
        )
    assert by.subject is not None, "an operator has an id"
    await refunds.settle_outside(refund, evidence, by=by.subject, at=at)
    await post_settled_outside(work, refund.refund_id, refund.refund_fen, payment_id=refund.payment_id, at=at)
    await announce_refunded(work, refund, refunded_at=at, at=at)
