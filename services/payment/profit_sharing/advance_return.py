"""Bringing the return of a share forward at the provider: call, or query, under its number (K9)."""

from datetime import datetime

from services.payment.payments.refusals import Disputed
from services.payment.payments.report_dispute import report_dispute
from services.payment.profit_sharing.domain import (
    BELIEVED_AFTER,
    UNFINISHED,
    WAIT_FOR_RESULT,
    PartResult,
    ReturnStatus,
    ShareReturn,
)
from services.payment.profit_sharing.returns import Returns
from services.payment.profit_sharing.take_return import (
    bear_personal,
    fail_return,
    let_refund_go,
    take_return,
)
from services.payment.refunds.domain import WAITING, next_call_at, next_query_at
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.wechat.pay import OutcomeUnknown, ReturnResult, ShareReturn as SaidReturn, WeChatPayRefused

WORDS = "订单退款"


async def advance_return(resources: PaymentResources, out_return_no: str, *, at: datetime) -> datetime | None:
    """Take one step with a return; returns when the next is due, None when there is nothing left to do."""
    async with begin(resources.engine) as work:
        returns = Returns(work.connection)
        found = await returns.lock(out_return_no)
        if found is None:
            return None
        if found.status not in UNFINISHED:
            await let_refund_go(work, found.refund_id, at=at)
            return None
        if found.part_result is PartResult.PENDING:
            return at + WAIT_FOR_RESULT
        if await bear_personal(work, found, at=at):
            return None
        await returns.count_call(out_return_no, at=at)
    calls = found.calls + 1
    try:
        said = await _ask(resources, found)
        async with begin(resources.engine) as work:
            await take_return(work, out_return_no, said, at=at)
    except OutcomeUnknown:
        return next_call_at(calls, at=at)
    except WeChatPayRefused as refusal:
        if refusal.code in WAITING or found.status is ReturnStatus.PROCESSING or calls < BELIEVED_AFTER:
            return next_call_at(calls, at=at)
        async with begin(resources.engine) as work:
            await fail_return(work, out_return_no, f"WeChat Pay refuses: {refusal.code}", at=at)
        return None
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source="share-return", at=at)
        return next_query_at(calls, at=at)
    return next_query_at(calls, at=at) if said.result is ReturnResult.PROCESSING else None


async def _ask(resources: PaymentResources, wanted: ShareReturn) -> SaidReturn:
    """Query a return that the provider may know, else ask for it."""
    wechat_pay = resources.wechat_pay.profit_sharing
    number = wanted.called_as
    if wanted.calls > 0:
        said = await resources.answered(wechat_pay.return_by_number(number, out_order_no=wanted.out_order_no))
        if said is not None:
            return said
    return await resources.answered(
        wechat_pay.take_back(
            number,
            out_order_no=wanted.out_order_no,
            mchid=wanted.account,
            amount_fen=wanted.amount_fen,
            description=WORDS,
        )
    )
