"""What the order service tells the others about an order.

In events `freight_fen` is what is paid for freight: a freight coupon counts as coupon discount there and nowhere else, so
that the lines and the freight sum to what is payable.
"""

from collections.abc import Sequence
from datetime import datetime

from services.order.orders.domain import BoughtLine, Order
from shared.events import OrderClosed, OrderCompleted, OrderLine, OrderPaid, OrderPlaced


def order_placed(order: Order, lines: Sequence[BoughtLine]) -> OrderPlaced:
    """The order holds what it needs and waits for payment."""
    return OrderPlaced(
        order_id=order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        lines=_lines(lines),
        goods_fen=order.goods_fen,
        discount_fen=order.discount_fen - order.freight_discount_fen,
        freight_fen=order.freight_fen - order.freight_discount_fen,
        payable_fen=order.payable_fen,
        coupon_id=order.coupon_id,
        points_used=order.points_used,
        placed_at=order.placed_at,
    )


def order_paid(order: Order, lines: Sequence[BoughtLine]) -> OrderPaid:
    """The order is paid in full."""
    assert order.paid_at is not None, "the order is paid"
    return OrderPaid(
        order_id=order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        lines=_lines(lines),
        goods_fen=order.goods_fen,
        discount_fen=order.discount_fen - order.freight_discount_fen,
        freight_fen=order.freight_fen - order.freight_discount_fen,
        payable_fen=order.payable_fen,
        coupon_id=order.coupon_id,
        coupon_discount_fen=order.coupon_discount_fen + order.freight_discount_fen,
        points_used=order.points_used,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
    )


def order_closed(order: Order, *, reason: str, at: datetime) -> OrderClosed:
    """The order will never be paid."""
    return OrderClosed(
        order_id=order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        reason=reason,
        coupon_id=order.coupon_id,
        points_used=order.points_used,
        placed_at=order.placed_at,
        closed_at=at,
    )


def order_completed(order: Order, *, completed_by: str, at: datetime) -> OrderCompleted:
    """The goods were received."""
    return OrderCompleted(
        order_id=order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        completed_by=completed_by,
        completed_at=at,
    )


def _lines(lines: Sequence[BoughtLine]) -> list[OrderLine]:
    return [
        OrderLine(
            order_line_id=line.id,
            sku_id=line.sku_id,
            product_id=line.product_id,
            category_id=line.category_ids[0],
            quantity=line.quantity,
            unit_price_fen=line.unit_price_fen,
            payable_fen=line.payable_fen,
        )
        for line in lines
    ]
