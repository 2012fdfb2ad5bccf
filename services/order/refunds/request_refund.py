"""Asking for money back by line and quantity; the payment service pays it out (PY-08, P8)."""

from datetime import datetime
from uuid import UUID

from services.order.orders.domain import BoughtLine, Order, OrderStatus, actor_of
from services.order.orders.line_counts import UnitsBack, count_refunded
from services.order.orders.storage import Orders
from services.order.pricing import RefundQuote, load_quote
from services.order.refunds.domain import (
    NotRefundable,
    NotToRetry,
    Refund,
    RefundStatus,
    RefundUnits,
    RefundWish,
    amounts,
    require_refundable,
)
from services.order.refunds.finish_refund import settle
from services.order.refunds.storage import Refunds
from services.order.shipments.ship_order import UPLOAD_SHIPPING, become_shipped
from services.order.shipments.storage import Shipments
from shared.database import UnitOfWork
from shared.events import RefundRequested
from shared.http.identity import Principal
from shared.ids import new_id


async def request_refund(
    work: UnitOfWork,
    order_id: UUID,
    wish: RefundWish,
    *,
    by: Principal,
    at: datetime,
) -> tuple[Refund, list[RefundUnits]]:
    """Give units of a paid order back; those not shipped yet will not be.

    Raises NotFound, WrongStatus, Invalid, NotRefundable. However many ask at once, no more goes back than was bought: the
    order is locked, and the counters of lines and order are guarded.
    """
    orders, refunds = Orders(work.connection), Refunds(work.connection)
    order = await orders.lock(order_id)
    order.require(OrderStatus.PAID, OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.COMPLETED)
    require_refundable(order, at=at)
    number = await refunds.next_number(order_id)
    if number is None:
        raise NotRefundable("The order has as many refunds as may be.")
    lines = await orders.lines(order_id)
    nothing_shipped = not any(line.shipped_quantity for line in lines)
    with_freight = nothing_shipped if wish.include_freight is None else wish.include_freight
    quote = amounts(load_quote(await orders.quote(order_id)), lines, wish.units, with_freight=with_freight)
    units, back = _units(lines, quote, wish)
    refund = Refund(
        id=new_id(),
        order_id=order_id,
        number=number,
        refund_number=f"{order.order_number}R{number:02d}",
        status=RefundStatus.REQUESTED,
        freight_fen=quote.freight_fen,
        refund_fen=quote.refund_fen,
        points_returned=quote.points_returned,
        reason=wish.reason,
        failure_reason=None,
        requested_by=by.subject,
        requested_at=at,
        refunded_at=None,
    )
    await count_refunded(work.connection, back)
    if not await orders.add_refunded(order_id, quote.refund_fen):
        raise NotRefundable("More would go back than was paid.")
    await refunds.add(refund, units)
    if order.status is OrderStatus.PARTLY_SHIPPED:
        await _ship_no_more(work, order, by=by, at=at)
    await _audit(work, "refund.request", refund, by=by, at=at)
    if refund.refund_fen == 0:
        return await settle(work, order, refund, refunded_at=at, at=at), units
    await work.outbox.add(_requested(order, refund), at=at)
    return refund, units


async def retry_refund(work: UnitOfWork, refund_id: UUID, *, by: Principal, at: datetime) -> Refund:
    """Have a refund that needs attention paid out after all, under its own number; raises NotFound, NotToRetry."""
    orders, refunds = Orders(work.connection), Refunds(work.connection)
    order = await orders.lock((await refunds.find(refund_id)).order_id)
    if not await refunds.retry(refund_id):
        raise NotToRetry()
    refund = await refunds.find(refund_id)
    await _audit(work, "refund.retry", refund, by=by, at=at)
    await work.outbox.add(_requested(order, refund), at=at)
    return refund


def _units(
    lines: list[BoughtLine], quote: RefundQuote, wish: RefundWish
) -> tuple[list[RefundUnits], list[UnitsBack]]:
    """What goes back as the refund keeps it, and as the lines count it."""
    by_key = {str(line.sku_id): line for line in lines}
    units, back = [], []
    for each in quote.lines:
        line = by_key[each.line_key]
        cancelled, off_shelf = wish.of_line(line)
        units.append(
            RefundUnits(
                order_line_id=line.id,
                sku_id=line.sku_id,
                product_id=line.product_id,
                quantity=each.quantity,
                off_shelf_quantity=off_shelf,
                amount_fen=each.amount_fen,
                points_returned=each.points_returned,
            )
        )
        back.append(UnitsBack(line.id, each.quantity, cancelled, each.amount_fen, each.points_returned))
    return units, back


async def _ship_no_more(work: UnitOfWork, order: Order, *, by: Principal, at: datetime) -> None:
    """When what was left to ship is refunded, the last parcel was the last."""
    if any(line.unshipped_quantity for line in await Orders(work.connection).lines(order.id)):
        return
    await become_shipped(work, order, by=actor_of(by), at=at)
    await Shipments(work.connection).report_last_again(order.id)
    await work.timers.set(UPLOAD_SHIPPING, str(order.id), due_at=at)


async def _audit(work: UnitOfWork, action: str, refund: Refund, *, by: Principal, at: datetime) -> None:
    await work.audit_log.record(
        action,
        f"order/{refund.order_id}",
        by=by,
        at=at,
        after={
            "refund_number": refund.refund_number,
            "refund_fen": refund.refund_fen,
            "reason": refund.reason,
        },
    )


def _requested(order: Order, refund: Refund) -> RefundRequested:
    return RefundRequested(
        refund_id=refund.id,
        refund_number=refund.refund_number,
        order_id=order.id,
        member_id=order.member_id,
        refund_fen=refund.refund_fen,
        reason=refund.reason,
        requested_at=refund.requested_at,
    )
