"""A refund arrived, or could not be paid out (PY-08)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.order.orders.domain import Order, RefundSummary
from services.order.orders.storage import Orders
from services.order.refunds.domain import Refund, RefundStatus
from services.order.refunds.storage import Refunds
from shared.database import UnitOfWork
from shared.events import OrderRefunded, RefundedLine


class WrongRefund(Exception):
    """The payment service paid out another amount than was asked: for an operator to look at."""


async def finish_refund(
    work: UnitOfWork,
    refund_id: UUID,
    *,
    order_id: UUID,
    refund_fen: int,
    refunded_at: datetime,
    at: datetime,
) -> None:
    """Record, once, that a refund reached the shopper, and announce it; raises WrongRefund."""
    order = await Orders(work.connection).lock(order_id)
    refund = await Refunds(work.connection).find(refund_id)
    if refund.order_id != order_id or refund.refund_fen != refund_fen:
        raise WrongRefund(f"refund {refund_id} is of {refund.refund_fen} fen, not of {refund_fen}")
    if refund.status is not RefundStatus.SUCCEEDED:
        await settle(work, order, refund, refunded_at=refunded_at, at=at)


async def mark_refund_failed(work: UnitOfWork, refund_id: UUID, *, order_id: UUID, reason: str) -> None:
    """Record that a refund needs an operator's attention."""
    await Orders(work.connection).lock(order_id)
    await Refunds(work.connection).fail(refund_id, failure_reason=reason)


async def settle(
    work: UnitOfWork, order: Order, refund: Refund, *, refunded_at: datetime, at: datetime
) -> Refund:
    """Make a refund of a locked order succeeded, and announce it; stock, points and coupon follow the event."""
    orders, refunds = Orders(work.connection), Refunds(work.connection)
    await refunds.succeed(refund.id, refunded_at=refunded_at)
    is_full = await refunds.is_full(order.id)
    await orders.set_refund_summary(order.id, RefundSummary.FULL if is_full else RefundSummary.PARTIAL)
    units = (await refunds.units([refund.id]))[refund.id]
    assert order.paid_at is not None, "only paid orders are refunded"
    event = OrderRefunded(
        order_id=order.id,
        order_number=order.order_number,
        refund_id=refund.id,
        member_id=order.member_id,
        lines=[
            RefundedLine(
                order_line_id=each.order_line_id,
                sku_id=each.sku_id,
                product_id=each.product_id,
                quantity=each.quantity,
                amount_fen=each.amount_fen,
                restock_quantity=each.restock_quantity,
            )
            for each in units
        ],
        freight_fen=refund.freight_fen,
        refund_fen=refund.refund_fen,
        points_returned=refund.points_returned,
        is_full=is_full,
        coupon_id=order.coupon_id,
        paid_at=order.paid_at,
        refunded_at=refunded_at,
    )
    await work.outbox.add(event, at=at)
    return replace(refund, status=RefundStatus.SUCCEEDED, failure_reason=None, refunded_at=refunded_at)
