"""Orders and their states; what may follow what (M10, K15)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.http.identity import Kind, Principal
from shared.http.problems import Problem

MAX_UNPAID_ORDERS = 5
"""So many orders a member may leave unpaid at once (section 4.F)."""


class OrderStatus(StrEnum):
    """The trade state of an order; refunds are told beside it."""

    CREATING = "creating"
    PENDING_PAY = "pending_pay"
    CLOSING = "closing"
    CLOSED = "closed"
    PAID = "paid"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    COMPLETED = "completed"


NEXT: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.CREATING: frozenset({OrderStatus.PENDING_PAY, OrderStatus.CLOSED}),
    OrderStatus.PENDING_PAY: frozenset({OrderStatus.PAID, OrderStatus.CLOSING}),
    OrderStatus.CLOSING: frozenset({OrderStatus.PAID, OrderStatus.CLOSED}),
    OrderStatus.CLOSED: frozenset(),
    OrderStatus.PAID: frozenset({OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED}),
    OrderStatus.PARTLY_SHIPPED: frozenset({OrderStatus.SHIPPED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.COMPLETED}),
    OrderStatus.COMPLETED: frozenset(),
}

UNPAID = frozenset({OrderStatus.CREATING, OrderStatus.PENDING_PAY, OrderStatus.CLOSING})
EVER_PAID = frozenset(
    {OrderStatus.PAID, OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.COMPLETED}
)

_STAMP = {
    OrderStatus.PAID: "paid_at",
    OrderStatus.SHIPPED: "shipped_at",
    OrderStatus.COMPLETED: "completed_at",
    OrderStatus.CLOSED: "closed_at",
}


class IllegalTransition(Exception):
    """The state machine does not know this step: a bug, not a shopper's doing."""


class WrongStatus(Problem):
    """The order is not in a state that allows this; `order_status` tells which it is in."""

    slug, title, status = "order/wrong-status", "The order does not allow this now", 409


class RefundSummary(StrEnum):
    """How much of an order went back."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moves an order: its member, an operator, or the shop by itself."""

    kind: str
    id: UUID | None = None


SYSTEM = Actor("system")


def actor_of(caller: Principal) -> Actor:
    """The caller as one who moves an order."""
    return SYSTEM if caller.kind is Kind.SERVICE else Actor(caller.kind.value, caller.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The agreement; amounts in fen, as the price engine quoted them."""

    id: UUID
    order_number: str
    member_id: UUID
    status: OrderStatus
    version: int
    goods_fen: int
    discount_fen: int
    coupon_discount_fen: int
    points_used: int
    points_discount_fen: int
    freight_fen: int
    freight_discount_fen: int
    payable_fen: int
    refunded_fen: int
    refund_summary: RefundSummary
    coupon_id: UUID | None
    from_cart: bool
    close_reason: str | None
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None

    def to(self, status: OrderStatus, *, at: datetime) -> "Order":
        """The order one step further; raises IllegalTransition."""
        if status not in NEXT[self.status]:
            raise IllegalTransition(f"{self.status} cannot become {status}")
        stamp: dict[str, Any] = {_STAMP[status]: at} if status in _STAMP else {}
        return replace(self, status=status, version=self.version + 1, **stamp)

    def require(self, *states: OrderStatus) -> None:
        """Raise WrongStatus unless the order is in one of these states."""
        if self.status not in states:
            raise WrongStatus(f"The order is {self.status}.", order_status=self.status.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtLine:
    """One SKU × quantity as agreed: names, price and after-sale policy are snapshots (PD-12).

    `shipped_quantity` has left, `cancelled_quantity` was refunded before it could, `refunded_…` counts what is being
    refunded or was. After-sale requests that are not decided claim `claimed_quantity` units, and keep back
    `held_back_quantity` of them that have not left.
    """

    id: UUID
    sku_id: UUID
    sku_code: str
    product_id: UUID
    product_name: str
    options: Mapping[str, str]
    image_url: str | None
    category_ids: tuple[UUID, ...]
    unit_price_fen: int
    quantity: int
    payable_fen: int
    points_used: int
    after_sale_policy: Mapping[str, Any] | None
    shipped_quantity: int = 0
    cancelled_quantity: int = 0
    refunded_quantity: int = 0
    refunded_fen: int = 0
    refunded_points: int = 0
    claimed_quantity: int = 0
    held_back_quantity: int = 0
    after_sale_requests: int = 0

    @property
    def unshipped_quantity(self) -> int:
        """How many units have not left, and will unless they are refunded."""
        return self.quantity - self.shipped_quantity - self.cancelled_quantity

    @property
    def shippable_quantity(self) -> int:
        """How many units may be shipped now."""
        return self.unshipped_quantity - self.held_back_quantity

    @property
    def refundable_quantity(self) -> int:
        """How many units were neither refunded nor are claimed."""
        return self.quantity - self.refunded_quantity - self.claimed_quantity
