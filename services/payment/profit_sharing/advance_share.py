"""Bringing a share order forward at the provider: call, or query, always under the same number (K9)."""

from datetime import datetime

from services.payment.payments.refusals import Disputed
from services.payment.payments.report_dispute import report_dispute
from services.payment.profit_sharing.domain import (
    BELIEVED_AFTER,
    LIVE,
    OrderKind,
    OrderStatus,
    ShareOrder,
    SharePart,
    Sharing,
    SharingStatus,
)
from services.payment.profit_sharing.storage import Shares
from services.payment.profit_sharing.take_share import finish_unfreeze, take_share
from services.payment.refunds.domain import WAITING, next_call_at, next_query_at
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.wechat.pay import OutcomeUnknown, Share, ShareOrder as SaidOrder, WeChatPayRefused

SHARE_WORDS = "订单分账"
UNFREEZE_WORDS = "解冻剩余资金"


async def advance_share(resources: PaymentResources, out_order_no: str, *, at: datetime) -> datetime | None:
    """Take one step with a share order; returns when the next is due, None when there is nothing left to do."""
    async with begin(resources.engine) as work:
        shares = Shares(work.connection)
        found = await shares.lock_by_number(out_order_no)
        if found is None or found[1].status not in LIVE:
            return None
        sharing, order = found
        parts = [part for part, _ in await shares.parts(sharing.payment_id)]
        await shares.count_call(out_order_no, at=at)
    calls = order.calls + 1
    try:
        said = await _ask(resources, sharing, order, parts)
        async with begin(resources.engine) as work:
            await take_share(work, said, at=at)
    except OutcomeUnknown as unknown:
        await _wait(resources, out_order_no, str(unknown))
        return next_call_at(calls, at=at)
    except WeChatPayRefused as refusal:
        return await _refused(resources, sharing, order, refusal, calls=calls, at=at)
    except Disputed as disputed:
        await report_dispute(resources.engine, disputed, source="profit-share", at=at)
        await _wait(resources, out_order_no, str(disputed))
        return next_query_at(calls, at=at)
    async with begin(resources.engine) as work:
        now_standing = await Shares(work.connection).order(out_order_no)
    if now_standing is None or now_standing.status not in LIVE:
        return None
    return next_query_at(calls, at=at)


async def _ask(
    resources: PaymentResources, sharing: Sharing, order: ShareOrder, parts: list[SharePart]
) -> SaidOrder:
    """Query an order that the provider may know, else ask it to share or to unfreeze."""
    wechat_pay = resources.wechat_pay.profit_sharing
    number, transaction_id = order.out_order_no, sharing.transaction_id
    if order.calls > 0:
        said = await resources.answered(wechat_pay.share_by_number(number, transaction_id=transaction_id))
        if said is not None:
            return said
    if order.kind is OrderKind.UNFREEZE:
        unfreeze = wechat_pay.unfreeze(number, transaction_id=transaction_id, description=UNFREEZE_WORDS)
        return await resources.answered(unfreeze)
    wanted = [
        Share(type=part.kind.type, account=part.account, amount_fen=part.amount_fen, description=SHARE_WORDS)
        for part in parts
        if part.out_order_no == number
    ]
    return await resources.answered(wechat_pay.share(number, transaction_id=transaction_id, shares=wanted))


async def _refused(
    resources: PaymentResources,
    sharing: Sharing,
    order: ShareOrder,
    refusal: WeChatPayRefused,
    *,
    calls: int,
    at: datetime,
) -> datetime | None:
    """A refused share waits for an operator under its number; a refused unfreezing may mean that nothing is frozen."""
    if order.kind is OrderKind.UNFREEZE and await _is_thawed(resources, sharing):
        async with begin(resources.engine) as work:
            await finish_unfreeze(work, order.out_order_no, at=at)
        return None
    passes = refusal.code in WAITING or calls < BELIEVED_AFTER
    if passes or order.kind is OrderKind.UNFREEZE or order.status is OrderStatus.PROCESSING:
        await _wait(resources, order.out_order_no, str(refusal))
        return next_call_at(calls, at=at)
    async with begin(resources.engine) as work:
        shares = Shares(work.connection)
        found = await shares.lock_by_number(order.out_order_no)
        if found is not None and await shares.move(found[0], SharingStatus.REFUSED, at=at):
            await shares.move_order(order.out_order_no, OrderStatus.REFUSED, error=str(refusal), at=at)
    return None


async def _is_thawed(resources: PaymentResources, sharing: Sharing) -> bool:
    try:
        asked = resources.wechat_pay.profit_sharing.unsplit_fen(sharing.transaction_id)
        return await resources.answered(asked) == 0
    except (OutcomeUnknown, WeChatPayRefused):
        return False


async def _wait(resources: PaymentResources, out_order_no: str, error: str) -> None:
    async with begin(resources.engine) as work:
        await Shares(work.connection).note_wait(out_order_no, error)
