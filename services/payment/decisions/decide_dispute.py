"""Ending a dispute: what WeChat Pay says now decides which ends there are (P4, P5)."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.payment.decisions.look_again import Answer, Looked
from services.payment.decisions.storage import DisputeDecisions, Outcome
from services.payment.payments.domain import QUERY_ATTEMPT, AttemptStatus, Surplus, differences
from services.payment.payments.refusals import PaymentDisputed
from services.payment.payments.storage import Payments
from services.payment.payments.take_payment import give_back
from services.payment.refunds.settle_outside import look_at_refund
from services.payment.refunds.storage import Refunds
from services.payment.resources import PaymentResources
from shared.clock import Clock
from shared.database import UnitOfWork, reading
from shared.http.identity import Principal
from shared.http.problems import NotFound, Problem
from shared.wechat.pay import OutcomeUnknown, PaySettings

REFUNDABLE = {"total_fen", "openid", "trade_state"}
"""What may differ in money that goes back; what is not ours, or not in fen, is for WeChat Pay's people."""


class Decision(StrEnum):
    """What an operator wants: what WeChat Pay says now to count, the money that differs to go back, or nothing done."""

    AGREE = "agree"
    REFUND = "refund"
    DISMISS = "dismiss"


class NotDisputed(Problem):
    """There is no dispute about this payment (any more)."""

    slug, title, status = "payment/not-disputed", "This payment is not disputed", 409


class WeChatDisagrees(Problem):
    """WeChat Pay's word does not allow this decision; ``answers`` tells it by ``out_trade_no``."""

    slug, title, status = "payment/wechat-disagrees", "WeChat Pay says something else", 409


async def look_at_refunds(resources: PaymentResources, payment_id: UUID, *, at: datetime) -> bool:
    """Take what WeChat Pay says of a payment's refunds now; False when of one it is not what was asked for.

    Raises OutcomeUnknown.
    """
    async with reading(resources.engine) as connection:
        numbers = await Refunds(connection).numbers_of(payment_id)
    agree = True
    for number in numbers:
        try:
            await look_at_refund(resources, number, at=at)
        except PaymentDisputed:
            agree = False
    return agree


async def decide_dispute(
    work: UnitOfWork,
    order_id: UUID,
    decision: Decision,
    reason: str,
    looked: Sequence[Looked],
    *,
    refunds_agree: bool,
    account: PaySettings,
    by: Principal,
    clock: Clock,
) -> Outcome:
    """End the dispute about an order's payment as decided, if what WeChat Pay just said allows it.

    Raises NotFound, NotDisputed, WeChatDisagrees, and OutcomeUnknown when there was no answer.
    """
    payments = Payments(work.connection)
    payment = await payments.lock(order_id)
    if payment is None:
        raise NotFound()
    at = clock.now()  # under the lock: what was read before it is not a new dispute
    if (disputed_at := await payments.settle_dispute(payment, at=at)) is None:
        raise NotDisputed()
    answers = {each.answer for each in looked}
    if Answer.NO_ANSWER in answers:
        raise OutcomeUnknown("nothing is decided while WeChat Pay does not answer")
    match decision:
        case Decision.AGREE if refunds_agree and Answer.PAID in answers and Answer.DISPUTED not in answers:
            outcome = Outcome.AGREED
        case Decision.REFUND if Answer.DISPUTED in answers:
            outcome = Outcome.REFUNDED
            for each in looked:
                if each.answer is Answer.DISPUTED:
                    await _give_back(work, each, account=account, at=at)
        case Decision.DISMISS if Answer.DISPUTED not in answers and not (
            refunds_agree and Answer.PAID in answers
        ):
            outcome = Outcome.DISMISSED
        case _:
            raise WeChatDisagrees(answers={each.out_trade_no: each.answer for each in looked})
    assert by.subject is not None, "an operator has an id"
    await DisputeDecisions(work.connection).add(
        payment.payment_id, outcome, reason, disputed_at=disputed_at, by=by.subject, at=at
    )
    for attempt in await payments.attempts(payment.payment_id):
        if attempt.is_open:
            await work.timers.set(QUERY_ATTEMPT, attempt.out_trade_no, due_at=attempt.next_query_at(at=at))
    return outcome


async def _give_back(work: UnitOfWork, looked: Looked, *, account: PaySettings, at: datetime) -> None:
    """Take the money that differs into the books, and begin to refund it; raises WeChatDisagrees when it is not ours."""
    found = await Payments(work.connection).lock_by_number(looked.out_trade_no)
    assert found is not None, "the attempt was just read"
    assert looked.said is not None, "a dispute is about a statement"
    payment, attempt = found
    different = differences(looked.said, payment, attempt, account)
    if attempt.status is AttemptStatus.SUCCEEDED or different.keys() - REFUNDABLE:
        raise WeChatDisagrees(answers={looked.out_trade_no: sorted(different)})
    await give_back(work, payment, attempt, looked.said, reason=Surplus.DISPUTED, at=at)
