"""Asking WeChat Pay how an attempt stands, and taking what it says."""

from datetime import datetime
from enum import StrEnum

from services.payment.payments.domain import LAST_LOOK_AFTER, QUERY_ATTEMPT
from services.payment.payments.refusals import Disputed
from services.payment.payments.report_dispute import report_dispute
from services.payment.payments.storage import Payments
from services.payment.payments.take_payment import take_payment
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.wechat.pay import OutcomeUnknown, TradeState, Transaction, WeChatPayRefused


class Standing(StrEnum):
    """How the provider says that an attempt stands."""

    PAID = "paid"
    UNPAID = "unpaid"
    CLOSED = "closed"
    UNKNOWN = "unknown"


async def ask_provider(resources: PaymentResources, out_trade_no: str, *, at: datetime) -> Standing:
    """Query an attempt and record what comes of it (wechat.md 5.8).

    Raises OutcomeUnknown, and Disputed, already reported, when something else was paid than was ordered.
    """
    said = await query_provider(resources, out_trade_no)
    return await take_answer(resources, out_trade_no, said, at=at)


async def query_provider(resources: PaymentResources, out_trade_no: str) -> Transaction | None:
    """What the provider says of an attempt, None when it knows of none; raises OutcomeUnknown."""
    try:
        return await resources.answered(resources.wechat_pay.transaction(out_trade_no))
    except WeChatPayRefused as refusal:
        raise OutcomeUnknown(f"the query was refused: {refusal.code}") from refusal


async def take_answer(
    resources: PaymentResources, out_trade_no: str, said: Transaction | None, *, at: datetime
) -> Standing:
    """Record what comes of an answer; raises Disputed, already reported."""
    standing = _standing(said)
    try:
        async with begin(resources.engine) as work:
            payments = Payments(work.connection)
            if said is not None and standing is Standing.PAID:
                await take_payment(work, said, account=resources.account, at=at)
            elif standing is Standing.CLOSED:
                await note_closed(work, out_trade_no, at=at)
            await payments.record_query(out_trade_no, at=at)
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source="query", at=at)
        raise
    return standing


async def note_closed(work: UnitOfWork, out_trade_no: str, *, at: datetime) -> None:
    """The provider has closed an attempt; a slow bank may pay it all the same, so there is a last look (P5)."""
    if await Payments(work.connection).close_attempt(out_trade_no, at=at):
        await work.timers.set(QUERY_ATTEMPT, out_trade_no, due_at=at + LAST_LOOK_AFTER)


def _standing(said: Transaction | None) -> Standing:
    match said and said.trade_state:
        case None:
            return Standing.UNKNOWN
        case TradeState.SUCCESS | TradeState.REFUND:
            return Standing.PAID
        case TradeState.CLOSED | TradeState.REVOKED:
            return Standing.CLOSED
        case _:
            return Standing.UNPAID
