"""Asking WeChat Pay about every attempt of a payment, and letting its answers run their normal course."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.payment.payments.ask_provider import Standing, query_provider, take_answer
from services.payment.payments.refusals import Disputed
from services.payment.payments.storage import Payments
from services.payment.resources import PaymentResources
from shared.database import reading
from shared.wechat.pay import OutcomeUnknown, Transaction


class Answer(StrEnum):
    """What WeChat Pay says of an attempt now; NOT_KNOWN is its word, NO_ANSWER is none."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    CLOSED = "closed"
    NOT_KNOWN = "not_known"
    NO_ANSWER = "no_answer"
    DISPUTED = "disputed"


ANSWER = {
    Standing.PAID: Answer.PAID,
    Standing.UNPAID: Answer.NOT_PAID,
    Standing.CLOSED: Answer.CLOSED,
    Standing.UNKNOWN: Answer.NOT_KNOWN,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """One attempt asked about; ``said`` is the verified statement, if there was one."""

    out_trade_no: str
    answer: Answer
    said: Transaction | None


async def look_again(resources: PaymentResources, payment_id: UUID, *, at: datetime) -> list[Looked]:
    """Ask about a payment's attempts, all at once, and take each answer as a query by the clock would (P3, P5)."""
    async with reading(resources.engine) as connection:
        attempts = await Payments(connection).attempts(payment_id)
    return await asyncio.gather(*(_look(resources, attempt.out_trade_no, at=at) for attempt in attempts))


async def _look(resources: PaymentResources, out_trade_no: str, *, at: datetime) -> Looked:
    said = None
    try:
        said = await query_provider(resources, out_trade_no)
        return Looked(out_trade_no, ANSWER[await take_answer(resources, out_trade_no, said, at=at)], said)
    except OutcomeUnknown:
        return Looked(out_trade_no, Answer.NO_ANSWER, None)
    except Disputed:
        return Looked(out_trade_no, Answer.DISPUTED, said)
