"""What the order service announces."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event


class OrderLine(BaseModel):
    """One line as agreed: SKU × quantity, at list price and at what is paid for it after all discounts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_line_id: UUID
    sku_id: UUID
    product_id: UUID
    category_id: UUID
    quantity: int
    unit_price_fen: int
    payable_fen: int


class RefundedLine(BaseModel):
    """What of one line was refunded; ``restock_quantity`` of its units go back on the shelf, the others never will.

    Events from before that was told put all of them back.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_line_id: UUID
    sku_id: UUID
    product_id: UUID
    quantity: int
    amount_fen: int
    restock_quantity: int = Field(default_factory=lambda told: told["quantity"])


class ReplacedLine(BaseModel):
    """Units of a SKU that were replaced; of those that came back ``restock_quantity`` go back on the shelf."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_line_id: UUID
    sku_id: UUID
    quantity: int
    restock_quantity: int


class OrderPlaced(Event):
    """An order holds its stock, coupon and points, and waits for payment."""

    type: ClassVar[str] = "order.placed.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    member_id: UUID
    lines: list[OrderLine]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    coupon_id: UUID | None
    points_used: int
    placed_at: datetime


class OrderPaid(Event):
    """The order is fully paid; fulfilment and rewards may begin.

    ``payable_fen`` is what was paid; the lines' ``payable_fen`` sum to it less ``freight_fen``.
    """

    type: ClassVar[str] = "order.paid.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    member_id: UUID
    lines: list[OrderLine]
    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    coupon_id: UUID | None
    coupon_discount_fen: int
    points_used: int
    placed_at: datetime
    paid_at: datetime


class OrderClosed(Event):
    """The order will never be paid; whatever it held is to be let go."""

    type: ClassVar[str] = "order.closed.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    member_id: UUID
    reason: str
    coupon_id: UUID | None
    points_used: int
    placed_at: datetime
    closed_at: datetime


class OrderShipped(Event):
    """A parcel of the order left; ``is_complete`` once nothing is left to ship."""

    type: ClassVar[str] = "order.shipped.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    member_id: UUID
    shipment_id: UUID
    carrier: str
    is_complete: bool
    shipped_at: datetime


class OrderCompleted(Event):
    """The goods were received, by the shopper's word or after the time for it ran out."""

    type: ClassVar[str] = "order.completed.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    member_id: UUID
    completed_by: str
    completed_at: datetime


class RefundRequested(Event):
    """Money of a paid order is to be given back under this refund's one number."""

    type: ClassVar[str] = "refund.requested.v1"
    subject: ClassVar[str] = "refund_id"
    announced_by: ClassVar[str] = "order"

    refund_id: UUID
    refund_number: str
    order_id: UUID
    member_id: UUID
    refund_fen: int
    reason: str
    requested_at: datetime


class OrderRefunded(Event):
    """A refund reached the shopper: stock, points and growth follow it, line by line.

    ``lines`` and ``freight_fen`` sum to ``refund_fen``; ``points_returned`` are points the shopper had paid with;
    ``is_full`` once everything of the order has been refunded, and then the coupon goes back.
    """

    type: ClassVar[str] = "order.refunded.v1"
    subject: ClassVar[str] = "order_id"
    announced_by: ClassVar[str] = "order"

    order_id: UUID
    order_number: str
    refund_id: UUID
    member_id: UUID
    lines: list[RefundedLine]
    freight_fen: int
    refund_fen: int
    points_returned: int
    is_full: bool
    coupon_id: UUID | None
    paid_at: datetime
    refunded_at: datetime


class AfterSaleChanged(Event):
    """An after-sale request took a step, or was made: ``from_status`` is null then.

    ``kind`` is refund_only, return_and_refund or exchange; ``reason`` is why it was made, or why the step was taken, when
    that was said; ``refund_id`` is set once money is on its way back.
    """

    type: ClassVar[str] = "after_sale.changed.v1"
    subject: ClassVar[str] = "after_sale_id"
    announced_by: ClassVar[str] = "order"

    after_sale_id: UUID
    after_sale_number: str
    order_id: UUID
    order_number: str
    member_id: UUID
    kind: str
    from_status: str | None
    status: str
    reason: str | None
    refund_id: UUID | None
    changed_at: datetime


class ReplacementShipped(Event):
    """New units left for those that came back in an exchange; their stock is held under ``after_sale_id``."""

    type: ClassVar[str] = "replacement.shipped.v1"
    subject: ClassVar[str] = "after_sale_id"
    announced_by: ClassVar[str] = "order"

    after_sale_id: UUID
    order_id: UUID
    member_id: UUID
    lines: list[ReplacedLine]
    shipped_at: datetime
