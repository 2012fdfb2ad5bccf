"""Refunds: what goes back, under one number (PY-08, P8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.order.orders.domain import BoughtLine, Order
from services.order.pricing import InvalidRefund, Quote, Refunded, RefundQuote, quote_refund
from shared.http.problems import Invalid, Problem

MAX_REFUNDS = 50
"""WeChat Pay takes so many refunds of one payment (wechat.md 5)."""
REFUNDABLE_FOR = timedelta(days=365)
"""WeChat Pay refunds a payment within a year."""


class RefundStatus(StrEnum):
    """How a refund stands; `needs_attention`: the provider could not pay it out."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    NEEDS_ATTENTION = "needs_attention"


class NotRefundable(Problem):
    """So much of the order is not left to refund, or it was paid too long ago."""

    slug, title, status = "order/not-refundable", "This cannot be refunded", 409


class NotToRetry(Problem):
    """Only a refund that needs attention can be tried again."""

    slug, title, status = "order/refund-not-to-retry", "This refund does not need to be tried again", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money and points of an order that go back; `refund_fen` is its lines' sum and `freight_fen`."""

    id: UUID
    order_id: UUID
    number: int
    refund_number: str
    status: RefundStatus
    freight_fen: int
    refund_fen: int
    points_returned: int
    reason: str
    failure_reason: str | None
    requested_by: UUID | None
    requested_at: datetime
    refunded_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundUnits:
    """So many units of a line, with their money and points; `off_shelf_quantity` of them are not to be sold again."""

    order_line_id: UUID
    sku_id: UUID
    product_id: UUID
    quantity: int
    off_shelf_quantity: int
    amount_fen: int
    points_returned: int

    @property
    def restock_quantity(self) -> int:
        """How many units go back on the shelf."""
        return self.quantity - self.off_shelf_quantity


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What goes back; without a word on freight it goes back when nothing was shipped.

    `units` by order line, and how many of them never left (`cancelled`) and never go back on the shelf (`off_shelf`).
    Without a word on it, units that have not left are refunded before those that have.
    """

    units: Mapping[UUID, int]
    reason: str
    include_freight: bool | None = None
    cancelled: Mapping[UUID, int] | None = None
    off_shelf: Mapping[UUID, int] = field(default_factory=dict)

    def of_line(self, line: BoughtLine) -> tuple[int, int]:
        """How many of a line's units never left, and how many stay off the shelf; raises Invalid."""
        quantity, off_shelf = self.units[line.id], self.off_shelf.get(line.id, 0)
        cancelled = (
            min(quantity, line.shippable_quantity) if self.cancelled is None else self.cancelled[line.id]
        )
        if off_shelf > quantity - cancelled:
            raise Invalid("Units that never left are on the shelf.", order_line_id=str(line.id))
        return cancelled, off_shelf


def require_refundable(order: Order, *, at: datetime) -> None:
    """Raise NotRefundable when the order's money can no longer go back."""
    if order.paid_at is None or at > order.paid_at + REFUNDABLE_FOR:
        raise NotRefundable("The order was paid more than a year ago.")


def amounts(
    quote: Quote, lines: Sequence[BoughtLine], wanted: Mapping[UUID, int], *, with_freight: bool
) -> RefundQuote:
    """What units by order line bring back after what was refunded before; raises Invalid, NotRefundable."""
    keys = {line.id: str(line.sku_id) for line in lines}
    claimed = [line.id for line in lines if wanted.get(line.id, 0) > line.refundable_quantity]
    if unknown := wanted.keys() - keys.keys():
        raise Invalid("A line is not of this order.", order_line_ids=sorted(map(str, unknown)))
    if claimed:
        raise NotRefundable("So many units are not left, or not free of after-sale requests.")
    before = {
        keys[line.id]: Refunded(line.refunded_quantity, line.refunded_fen, line.refunded_points)
        for line in lines
    }
    try:
        return quote_refund(
            quote,
            {keys[order_line_id]: quantity for order_line_id, quantity in wanted.items()},
            refunded=before,
            shipped=not with_freight,
        )
    except InvalidRefund as refused:
        raise NotRefundable(str(refused)) from refused
