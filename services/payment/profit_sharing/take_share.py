"""Taking the provider's word about a share: what receivers got, what stays ours, and what is frozen no more."""

import logging
from datetime import datetime

from services.payment.ledger.sharing import post_return_void, post_share_finished, post_unfrozen
from services.payment.payments.refusals import Disputed, UnknownNumber
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import (
    ADVANCE_RETURN,
    OrderKind,
    OrderStatus,
    PartResult,
    ReturnStatus,
    ShareOrder,
    SharePart,
    Sharing,
    SharingStatus,
)
from services.payment.profit_sharing.returns import Returns
from services.payment.profit_sharing.storage import Shares
from shared.database import UnitOfWork
from shared.events import ProfitShared, SharedPart
from shared.wechat.pay import SaidShare, ShareOrder as SaidOrder, ShareResult, ShareState

log = logging.getLogger(__name__)


async def take_share(work: UnitOfWork, said: SaidOrder, *, at: datetime) -> None:
    """Take a verified statement about a share order; repeats and late PROCESSING change nothing.

    Raises UnknownNumber, and Disputed when it is not what was asked for (P4).
    """
    shares = Shares(work.connection)
    found = await shares.lock_by_number(said.out_order_no)
    if found is None:
        raise UnknownNumber(said.out_order_no)
    sharing, order = found
    parts = [part for part, _ in await shares.parts(sharing.payment_id)]
    own = [part for part in parts if part.out_order_no == order.out_order_no]
    if different := _differences(said, sharing, order, own):
        raise Disputed(sharing.out_trade_no, different)
    if order.status is OrderStatus.FINISHED:
        return
    if said.state is ShareState.PROCESSING or _is_pending(said, order):
        await shares.move_order(
            order.out_order_no, OrderStatus.PROCESSING, wechat_order_id=said.order_id, at=at
        )
        await shares.move(sharing, SharingStatus.PROCESSING, at=at)
        return
    await shares.move_order(order.out_order_no, OrderStatus.FINISHED, wechat_order_id=said.order_id, at=at)
    if order.kind is OrderKind.UNFREEZE:
        await _unfrozen(work, sharing, at=at)
        return
    results = {(each.type, each.account): each for each in said.receivers}
    await _shared(work, sharing, own, results, at=at)


async def finish_unfreeze(work: UnitOfWork, out_order_no: str, *, at: datetime) -> None:
    """Nothing is frozen any more although this unfreezing was refused: the platform let go by itself, or refunded all."""
    shares = Shares(work.connection)
    found = await shares.lock_by_number(out_order_no)
    if found is not None and found[0].status is SharingStatus.UNFREEZING:
        await shares.move_order(out_order_no, OrderStatus.FINISHED, at=at)
        await _unfrozen(work, found[0], at=at)


async def _shared(
    work: UnitOfWork,
    sharing: Sharing,
    parts: list[SharePart],
    results: dict[tuple[str, str], SaidShare],
    *,
    at: datetime,
) -> None:
    shares = Shares(work.connection)
    arrived: list[SharePart] = []
    for part in parts:
        result = results[part.kind.type, part.account]
        if result.result is ShareResult.SUCCESS:
            await shares.finish_part(part, PartResult.SUCCEEDED, fail_reason=None, at=at)
            await _wake_returns(work, part, at=at)
            arrived.append(part)
        else:
            await _close(work, part, result.fail_reason, payment=sharing, at=at)
    shared_fen = sum(part.amount_fen for part in arrived)
    closed_fen = sum(part.amount_fen for part in parts) - shared_fen
    number = parts[0].out_order_no
    await post_share_finished(
        work, number, shared_fen=shared_fen, closed_fen=closed_fen, payment_id=sharing.payment_id, at=at
    )
    await shares.move(sharing, SharingStatus.FINISHED, at=at)
    if arrived:
        await work.outbox.add(_announcement(sharing, number, arrived, at=at), at=at)
    if closed_fen:
        log.error("profit share did not arrive", extra={"out_order_no": number, "closed_fen": closed_fen})
    else:
        finished = await shares.lock(sharing.payment_id)
        assert finished is not None
        await begin_unfreeze(work, finished, at=at)


async def _unfrozen(work: UnitOfWork, sharing: Sharing, *, at: datetime) -> None:
    """Nothing can be shared any more: a promise that was refused is none, and the rest is ours again."""
    shares = Shares(work.connection)
    pending = [
        part for part, _ in await shares.parts(sharing.payment_id) if part.result is PartResult.PENDING
    ]
    for part in pending:
        await _close(work, part, "UNFROZEN", payment=sharing, at=at)
    for number in {part.out_order_no for part in pending}:
        closed_fen = sum(part.amount_fen for part in pending if part.out_order_no == number)
        await shares.move_order(number, OrderStatus.FINISHED, at=at)
        await post_share_finished(
            work, number, shared_fen=0, closed_fen=closed_fen, payment_id=sharing.payment_id, at=at
        )
    left = await shares.lock(sharing.payment_id)
    assert left is not None
    await shares.move(left, SharingStatus.UNFROZEN, at=at)
    if rest_fen := left.paid_fen - left.shared_fen:
        await post_unfrozen(work, sharing.payment_id, rest_fen, at=at)


async def _close(
    work: UnitOfWork, part: SharePart, reason: str | None, *, payment: Sharing, at: datetime
) -> None:
    """A receiver got nothing, so nothing goes back either."""
    shares, returns = Shares(work.connection), Returns(work.connection)
    await shares.finish_part(part, PartResult.CLOSED, fail_reason=reason or "UNKNOWN", at=at)
    await shares.release(payment.payment_id, part.amount_fen, back_fen=part.back_fen)
    for each in await returns.of_part(part.out_order_no, part.receiver_id):
        if await returns.move(each.out_return_no, ReturnStatus.VOID, at=at):
            await post_return_void(
                work, each.out_return_no, each.amount_fen, payment_id=payment.payment_id, at=at
            )
    await _wake_returns(work, part, at=at)


async def _wake_returns(work: UnitOfWork, part: SharePart, *, at: datetime) -> None:
    """Returns that waited for this result go on."""
    for each in await Returns(work.connection).of_part(part.out_order_no, part.receiver_id):
        await work.timers.set(ADVANCE_RETURN, each.out_return_no, due_at=at)


def _is_pending(said: SaidOrder, order: ShareOrder) -> bool:
    return order.kind is OrderKind.SHARE and any(
        each.result is ShareResult.PENDING for each in said.receivers
    )


def _differences(
    said: SaidOrder, sharing: Sharing, order: ShareOrder, parts: list[SharePart]
) -> dict[str, object]:
    """What a statement says differently from what was asked for (P4)."""
    different: dict[str, object] = {}
    if said.transaction_id != sharing.transaction_id:
        different["transaction_id"] = said.transaction_id
    if order.wechat_order_id not in (None, said.order_id):
        different["order_id"] = said.order_id
    if order.kind is OrderKind.SHARE:
        wanted = {(part.kind.type.value, part.account): part.amount_fen for part in parts}
        found = {(each.type, each.account): each.amount_fen for each in said.receivers}
        if found != wanted:
            different["shared_fen"] = sum(found.values())
    return different


def _announcement(
    sharing: Sharing, out_order_no: str, parts: list[SharePart], *, at: datetime
) -> ProfitShared:
    return ProfitShared(
        payment_id=sharing.payment_id,
        order_id=sharing.order_id,
        out_order_no=out_order_no,
        shared_fen=sum(part.amount_fen for part in parts),
        parts=[SharedPart(receiver_id=part.receiver_id, amount_fen=part.amount_fen) for part in parts],
        shared_at=at,
    )
