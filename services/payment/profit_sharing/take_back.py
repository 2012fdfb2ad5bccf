"""What receivers got of a payment goes back before the payment is refunded (PY-03, wechat.md 5.13)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.payment.ledger.sharing import post_borne, post_return_requested
from services.payment.profit_sharing.amounts import Back, backs
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import (
    ADVANCE_RETURN,
    PartResult,
    ReceiverKind,
    ReturnStatus,
    SharingStatus,
)
from services.payment.profit_sharing.returns import Returns, stands_in_the_way
from services.payment.profit_sharing.storage import Shares
from services.payment.refunds.domain import Refund, RefundStatus
from shared.database import UnitOfWork


async def plan_shares_back(
    work: UnitOfWork, payment_id: UUID, refund_fen: int, *, at: datetime
) -> list[Back]:
    """What must go back of a payment's shares when so much more of it is refunded; the payment is locked.

    Pro rata of what each receiver got, or was promised; nothing for a payment that was not shared. A share that was
    refused is given up, so that the refund does not wait for it.
    """
    shares = Shares(work.connection)
    sharing = await shares.lock(payment_id)
    if sharing is None:
        return []
    if sharing.status is SharingStatus.REFUSED:
        await begin_unfreeze(work, sharing, at=at)
    parts = [each for each in await shares.parts(payment_id) if each[0].result is not PartResult.CLOSED]
    return backs(parts, paid_fen=sharing.paid_fen, refunded_fen=sharing.refunded_fen + refund_fen)


async def take_shares_back(
    work: UnitOfWork, refund: Refund, planned: Sequence[Back], *, at: datetime
) -> None:
    """Ask for what was planned, each under its number; persons give nothing back, so the shop bears their part."""
    shares, returns = Shares(work.connection), Returns(work.connection)
    for back in planned:
        taken = await shares.take_back(back.part, back.amount_fen)
        assert taken, "the payment is locked, so the plan holds"
        number = await returns.add(
            back,
            payment_id=refund.payment_id,
            out_trade_no=refund.out_trade_no,
            refund_id=refund.refund_id,
            at=at,
        )
        posting = (work, number, back.amount_fen)
        await post_return_requested(*posting, payment_id=refund.payment_id, at=at)
        if back.part.kind is ReceiverKind.PERSONAL and back.part.result is PartResult.SUCCEEDED:
            await returns.move(number, ReturnStatus.BORNE, at=at)
            await post_borne(*posting, payment_id=refund.payment_id, at=at)
        else:
            await work.timers.set(ADVANCE_RETURN, number, due_at=at)


async def shares_are_back(work: UnitOfWork, refund: Refund, *, at: datetime) -> bool:
    """Whether no share stands in the way of a refund, locked; what failed is tried again when the refund is."""
    returns = Returns(work.connection)
    waiting = [each for each in await returns.of_refund(refund.refund_id) if stands_in_the_way(each)]
    for each in waiting:
        if each.status is ReturnStatus.FAILED and refund.status is RefundStatus.PROCESSING:
            await returns.try_again(each.out_return_no)
            await work.timers.set(ADVANCE_RETURN, each.out_return_no, due_at=at)
    return not waiting
