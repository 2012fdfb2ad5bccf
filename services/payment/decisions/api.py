"""What finance asks WeChat Pay about a payment, and how it ends disputes (P3, P5)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from services.payment.decisions.decide_dispute import Decision, decide_dispute, look_at_refunds
from services.payment.decisions.look_again import Answer, Looked, look_again
from services.payment.payments import queries
from services.payment.payments.domain import PaymentStatus
from services.payment.payments.operator_api import PaymentDetail
from services.payment.payments.storage import Payments
from services.payment.resources import Own, PaymentResources
from shared.database import UnitOfWork, begin, reading
from shared.http.app import service_router
from shared.http.bodies import Body, LongText, View
from shared.http.callers import Accountant
from shared.http.idempotency import Idempotent, once, recall
from shared.http.problems import NotFound
from shared.http.work import Now

router = service_router("/operator/payments", tags=["operator"])


class Finding(StrEnum):
    """What asking WeChat Pay about a payment came to; UNKNOWN: it does not answer, ask again."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    SURPLUS = "surplus"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


class AnswerView(View):
    """What WeChat Pay says of one attempt."""

    out_trade_no: str
    answer: Answer


class ConfirmationView(View):
    """What was found, and the payment as it stands now: a surplus is among its refunds."""

    finding: Finding
    answers: list[AnswerView]
    payment: PaymentDetail


class DisputeDecision(Body):
    """How to end a dispute, and why."""

    decision: Annotated[Decision, Field(strict=False)]
    reason: Annotated[LongText, Field(max_length=500)]


@router.post("/{order_id}/confirm")
async def confirm(order_id: UUID, caller: Accountant, resources: Own, now: Now) -> ConfirmationView:
    """Ask WeChat Pay about every attempt and let its answers count; nobody's word but WeChat Pay's makes an order paid.

    May be repeated at will. Money for a closed order, or paid twice, goes back by itself.
    """
    payment_id = await _payment_id(resources, order_id)
    looked = await look_again(resources, payment_id, at=now)
    async with begin(resources.engine) as work:
        found = await _detail(work, order_id)
        view = ConfirmationView(
            finding=_finding(found, looked),
            answers=[AnswerView(out_trade_no=each.out_trade_no, answer=each.answer) for each in looked],
            payment=PaymentDetail.model_validate(found),
        )
        await work.audit_log.record(
            "payment.confirm",
            f"payment/{order_id}",
            by=caller,
            at=now,
            after={"finding": view.finding, "answers": {each.out_trade_no: each.answer for each in looked}},
        )
    return view


@router.post("/{order_id}/dispute-decision", status_code=201, response_model=PaymentDetail)
async def decide(
    order_id: UUID,
    body: DisputeDecision,
    caller: Accountant,
    resources: Own,
    key: Idempotent,
    now: Now,
) -> Response:
    """End a dispute: `agree` when WeChat Pay now says what was ordered, `refund` money that differs, `dismiss` none."""
    async with begin(resources.engine) as work:
        if (kept := await recall(work, key)) is not None:
            return kept
    payment_id = await _payment_id(resources, order_id)
    looked = await look_again(resources, payment_id, at=now)
    refunds_agree = await look_at_refunds(resources, payment_id, at=now)

    async def do(work: UnitOfWork) -> PaymentDetail:
        outcome = await decide_dispute(
            work,
            order_id,
            body.decision,
            body.reason,
            looked,
            refunds_agree=refunds_agree,
            account=resources.account,
            by=caller,
            clock=resources.clock,
        )
        await work.audit_log.record(
            "payment.decide-dispute",
            f"payment/{order_id}",
            by=caller,
            at=now,
            after={"decision": outcome, "reason": body.reason},
        )
        return PaymentDetail.model_validate(await _detail(work, order_id))

    return await once(resources.engine, key, do)


def _finding(found: dict[str, Any], looked: Sequence[Looked]) -> Finding:
    answers = {each.answer for each in looked}
    if Answer.DISPUTED in answers:
        return Finding.DISPUTED
    if Answer.NO_ANSWER in answers:
        return Finding.UNKNOWN
    if any(each["surplus_reason"] for each in found["attempts"]):
        return Finding.SURPLUS
    return Finding.PAID if found["status"] == PaymentStatus.SUCCEEDED else Finding.NOT_PAID


async def _detail(work: UnitOfWork, order_id: UUID) -> dict[str, Any]:
    found = await queries.payment_of(work.connection, order_id)
    assert found is not None, "a payment is never deleted"
    return found


async def _payment_id(resources: PaymentResources, order_id: UUID) -> UUID:
    async with reading(resources.engine) as connection:
        payment = await Payments(connection).find(order_id)
    if payment is None:
        raise NotFound()
    return payment.payment_id
