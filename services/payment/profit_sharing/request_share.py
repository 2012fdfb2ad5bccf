"""Promising receivers their parts of a payment: the rows, the number and the timer; the call comes after it (K2, K9)."""

from datetime import datetime

from services.payment.ledger.sharing import post_share_requested
from services.payment.profit_sharing.amounts import split
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import (
    ADVANCE_SHARE,
    SHARE_PROFIT,
    SHAREABLE_AFTER,
    OrderKind,
    OrderStatus,
    PartResult,
    RulePart,
    Sharing,
    SharingStatus,
)
from services.payment.profit_sharing.receivers import Receivers, Rules
from services.payment.profit_sharing.storage import Shares
from shared.database import UnitOfWork
from shared.http.problems import Problem


class NotShareable(Problem):
    """The payment is being shared, or has been, or nothing of it is frozen any more."""

    slug, title, status = "payment/not-shareable", "This payment cannot be shared now", 409


async def request_share(work: UnitOfWork, sharing: Sharing, *, at: datetime) -> None:
    """Share a payment, locked, by its rule; with nothing to share, or nobody to share with, unfreeze it.

    Never more than the ratio, nor than what refunds leave. A refused share goes on under its number; a finished one is
    shared again with those who got nothing. Raises NotShareable.
    """
    match sharing.status:
        case SharingStatus.NONE | SharingStatus.FINISHED:
            await _promise(work, sharing, at=at)
        case SharingStatus.REFUSED:
            await _again(work, sharing, at=at)
        case _:
            raise NotShareable(f"It is {sharing.status}.")
    await work.timers.cancel(SHARE_PROFIT, str(sharing.payment_id))


async def _promise(work: UnitOfWork, sharing: Sharing, *, at: datetime) -> None:
    shares = Shares(work.connection)
    parts = split(await _takers(work, sharing), base_fen=sharing.base_fen, limit_fen=sharing.shareable_fen)
    total_fen = sum(amount_fen for _, amount_fen in parts)
    if not parts or not await shares.promise(sharing.payment_id, total_fen):
        await begin_unfreeze(work, sharing, at=at)
        return
    order = await shares.add_order(sharing, OrderKind.SHARE, parts, at=at)
    await shares.move(sharing, SharingStatus.REQUESTED, at=at)
    await post_share_requested(work, order.out_order_no, total_fen, payment_id=sharing.payment_id, at=at)
    due_at = max(at, sharing.paid_at + SHAREABLE_AFTER)
    await work.timers.set(ADVANCE_SHARE, order.out_order_no, due_at=due_at)


async def _takers(work: UnitOfWork, sharing: Sharing) -> list[RulePart]:
    """The rule's receivers who are registered and have nothing of the payment yet."""
    rule = await Rules(work.connection).of(sharing.rule_version)
    active = await Receivers(work.connection).active([part.receiver_id for part in rule.parts])
    parts = await Shares(work.connection).parts(sharing.payment_id)
    served = {part.receiver_id for part, _ in parts if part.result is not PartResult.CLOSED}
    return [part for part in rule.parts if part.receiver_id in active - served]


async def _again(work: UnitOfWork, sharing: Sharing, *, at: datetime) -> None:
    shares = Shares(work.connection)
    order = (await shares.orders(sharing.payment_id))[-1]
    await shares.move(sharing, SharingStatus.REQUESTED, at=at)
    await shares.move_order(order.out_order_no, OrderStatus.REQUESTED, at=at)
    await work.timers.set(ADVANCE_SHARE, order.out_order_no, due_at=at)
