"""An abnormal refund's other way: to a bank card of the payer, or back to the merchant (wechat.md 5.10).

The way is written down before the call (K9), the card never: it leaves sealed, once, with the operator's request.
"""

from datetime import datetime, timedelta

from services.payment.refunds.domain import (
    ADVANCE_REFUND,
    RefundAttempt,
    RefundAttemptStatus,
    RefundStatus,
    SentTo,
)
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import take_refund
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.http.problems import NotFound, Problem
from shared.wechat.pay import (
    BankCard,
    OutcomeUnknown,
    Refund as SaidRefund,
    RefundStatus as Said,
    WeChatPayRefused,
)

LOOK_AFTER = timedelta(seconds=15)
"""When the provider is asked how a redirected refund stands, whatever became of the call."""


class RedirectRefused(Problem):
    """WeChat Pay does not send the money there; ``code`` is its own, and the refund is as it was."""

    slug, title, status = "payment/redirect-refused", "WeChat Pay refuses to send the money there", 409


class RefundNotAbnormal(Problem):
    """Only a refund that WeChat Pay calls ABNORMAL can be sent elsewhere."""

    slug, title, status = "payment/refund-not-abnormal", "This refund is not abnormal", 409


async def intend_redirect(
    work: UnitOfWork, out_refund_no: str, sent_to: SentTo, *, at: datetime
) -> RefundAttempt:
    """Commit to sending an abnormal refund elsewhere, or go on doing so; the attempt as the provider knows it.

    Raises NotFound, RefundNotAbnormal.
    """
    refunds = Refunds(work.connection)
    found = await refunds.lock_by_number(out_refund_no)
    if found is None:
        raise NotFound()
    refund, attempt = found
    is_under_way = attempt.status is RefundAttemptStatus.PROCESSING and attempt.sent_to is sent_to
    if refund.status is RefundStatus.PROCESSING and is_under_way:
        return attempt
    if refund.status is not RefundStatus.FAILED or attempt.status is not RefundAttemptStatus.ABNORMAL:
        raise RefundNotAbnormal()
    await refunds.send_to(out_refund_no, sent_to)
    await _go_on(work, out_refund_no, at=at)
    return attempt


async def send_elsewhere(
    resources: PaymentResources, attempt: RefundAttempt, card: BankCard | None, *, at: datetime
) -> SaidRefund:
    """Tell the provider where the money goes; raises OutcomeUnknown, and RedirectRefused: then it is abnormal as before."""
    assert attempt.wechat_refund_id is not None, "the provider called it abnormal under its own number"
    try:
        return await resources.answered(
            resources.wechat_pay.apply_abnormal_refund(
                attempt.wechat_refund_id, out_refund_no=attempt.out_refund_no, card=card
            )
        )
    except WeChatPayRefused as refusal:
        said = await resources.answered(resources.wechat_pay.refund_by_number(attempt.out_refund_no))
        if said is None:
            raise OutcomeUnknown("an abnormal refund is not known any more") from refusal
        async with begin(resources.engine) as work:
            if said.status is Said.ABNORMAL:
                await Refunds(work.connection).send_to(attempt.out_refund_no, None)
            await take_refund(work, said, at=at)
        raise RedirectRefused(refusal.message, code=refusal.code) from refusal


async def take_redirected(work: UnitOfWork, said: SaidRefund, *, at: datetime) -> None:
    """Take the provider's word on a redirected refund, also when the clock found it abnormal meanwhile."""
    found = await Refunds(work.connection).lock_by_number(said.out_refund_no)
    is_abnormal = found is not None and found[1].status is RefundAttemptStatus.ABNORMAL
    if is_abnormal and said.status is Said.PROCESSING:
        await _go_on(work, said.out_refund_no, at=at)
    await take_refund(work, said, at=at)


async def _go_on(work: UnitOfWork, out_refund_no: str, *, at: datetime) -> None:
    refunds = Refunds(work.connection)
    found = await refunds.lock_by_number(out_refund_no)
    assert found is not None
    await refunds.move_attempt(out_refund_no, RefundAttemptStatus.PROCESSING, at=at)
    await refunds.move(found[0], RefundStatus.PROCESSING, at=at)
    await work.timers.set(ADVANCE_REFUND, out_refund_no, due_at=at + LOOK_AFTER)
