"""Orders as people read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.order.orders.domain import BoughtLine, Order, OrderStatus, RefundSummary
from shared.http.bodies import View


class PlacedOrderView(View):
    """An order as it was placed; the same however often it is told (P2)."""

    order_id: UUID
    order_number: str
    payable_fen: int
    placed_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, order: Order) -> "PlacedOrderView":
        return cls(
            order_id=order.id,
            order_number=order.order_number,
            payable_fen=order.payable_fen,
            placed_at=order.placed_at,
            expires_at=order.expires_at,
        )


class OrderStatusView(View):
    """Where an order stands."""

    order_id: UUID
    status: OrderStatus

    @classmethod
    def of(cls, order: Order) -> "OrderStatusView":
        return cls(order_id=order.id, status=order.status)


class PaymentView(View):
    """What the client needs to pay: `request_payment` is for `wx.requestPayment`, null when there is nothing to pay."""

    order_id: UUID
    status: str
    request_payment: dict[str, Any] | None


class BoughtLineView(View):
    """A line as agreed."""

    order_line_id: UUID
    sku_id: UUID
    sku_code: str
    product_id: UUID
    product_name: str
    options: dict[str, str]
    image_url: str | None
    unit_price_fen: int
    quantity: int
    payable_fen: int
    points_used: int
    shipped_quantity: int
    refunded_quantity: int
    refunded_fen: int
    claimed_quantity: int
    after_sale_policy: dict[str, Any] | None

    @classmethod
    def of(cls, line: BoughtLine) -> "BoughtLineView":
        return cls(
            order_line_id=line.id,
            sku_id=line.sku_id,
            sku_code=line.sku_code,
            product_id=line.product_id,
            product_name=line.product_name,
            options=dict(line.options),
            image_url=line.image_url,
            unit_price_fen=line.unit_price_fen,
            quantity=line.quantity,
            payable_fen=line.payable_fen,
            points_used=line.points_used,
            shipped_quantity=line.shipped_quantity,
            refunded_quantity=line.refunded_quantity,
            refunded_fen=line.refunded_fen,
            claimed_quantity=line.claimed_quantity,
            after_sale_policy=None if line.after_sale_policy is None else dict(line.after_sale_policy),
        )


class OrderView(View):
    """An order in a list."""

    order_id: UUID
    order_number: str
    status: OrderStatus
    refund_summary: RefundSummary
    lines: list[BoughtLineView]
    goods_fen: int
    discount_fen: int
    coupon_discount_fen: int
    points_used: int
    points_discount_fen: int
    freight_fen: int
    freight_discount_fen: int
    payable_fen: int
    refunded_fen: int
    coupon_id: UUID | None
    close_reason: str | None
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, order: Order, lines: Sequence[BoughtLine]) -> "OrderView":
        return cls(**told(order, lines))


def told(order: Order, lines: Sequence[BoughtLine]) -> dict[str, Any]:
    """What every view of an order tells."""
    amounts = {name: getattr(order, name) for name in OrderView.model_fields if hasattr(order, name)}
    return {**amounts, "order_id": order.id, "lines": [BoughtLineView.of(line) for line in lines]}
