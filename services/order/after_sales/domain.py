"""After-sale requests and their states; what may follow what (OR-10, M10)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.order.orders.line_counts import ClaimedUnits
from shared.http.problems import Problem


class AfterSaleKind(StrEnum):
    """What a shopper asks for."""

    REFUND_ONLY = "refund_only"
    RETURN_AND_REFUND = "return_and_refund"
    EXCHANGE = "exchange"


class AfterSaleReason(StrEnum):
    """Why; what the shopper wants to add is said in the negotiation."""

    NOT_WANTED = "not_wanted"
    NOT_RECEIVED = "not_received"
    LATE = "late"
    DEFECTIVE = "defective"
    WRONG_GOODS = "wrong_goods"
    MISSING_GOODS = "missing_goods"
    NOT_AS_DESCRIBED = "not_as_described"
    OTHER = "other"


class StepReason(StrEnum):
    """Why the shop took a step by itself."""

    NOT_SHIPPED = "not_shipped"
    OVERDUE = "overdue"


class AfterSaleStatus(StrEnum):
    """Where a request stands."""

    APPLIED = "applied"
    APPROVED = "approved"
    AWAITING_RETURN = "awaiting_return"
    RETURNED = "returned"
    RECEIVED = "received"
    OUT_OF_STOCK = "out_of_stock"
    REPLACING = "replacing"
    REPLACEMENT_SHIPPED = "replacement_shipped"
    REFUNDING = "refunding"
    COMPLETED = "completed"
    REJECTED = "rejected"
    ARBITRATING = "arbitrating"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_S = AfterSaleStatus
NEXT: Mapping[AfterSaleStatus, frozenset[AfterSaleStatus]] = {
    _S.APPLIED: frozenset({_S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.AWAITING_RETURN, _S.RETURNED, _S.REFUNDING}),
    _S.AWAITING_RETURN: frozenset({_S.RETURNED, _S.CANCELLED, _S.EXPIRED}),
    _S.RETURNED: frozenset({_S.RECEIVED, _S.REJECTED}),
    _S.RECEIVED: frozenset({_S.REPLACING, _S.OUT_OF_STOCK, _S.REFUNDING}),
    _S.OUT_OF_STOCK: frozenset({_S.REPLACING, _S.REFUNDING}),
    _S.REPLACING: frozenset({_S.REPLACEMENT_SHIPPED, _S.REFUNDING}),
    _S.REPLACEMENT_SHIPPED: frozenset({_S.COMPLETED}),
    _S.REFUNDING: frozenset({_S.COMPLETED}),
    _S.COMPLETED: frozenset(),
    _S.REJECTED: frozenset({_S.APPLIED, _S.ARBITRATING, _S.CANCELLED, _S.CLOSED}),
    _S.ARBITRATING: frozenset({_S.APPROVED, _S.CANCELLED, _S.CLOSED}),
    _S.CLOSED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}
ENDED = frozenset(status for status, following in NEXT.items() if not following)
DECIDED = ENDED | {_S.REFUNDING}
"""In these a request claims no units: they are the shopper's for good, or counted as refunded."""


class WrongAfterSaleStatus(Problem):
    """The request is not in a state that allows this; `after_sale_status` tells which it is in."""

    slug, title, status = (
        "order/after-sale-wrong-status",
        "The after-sale request does not allow this now",
        409,
    )


@dataclass(frozen=True, slots=True)
class Waybill:
    """Under which number a carrier has a parcel."""

    carrier: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class AfterSaleLine:
    """Units of an order line that a request is about.

    `held_back_quantity` of them had not left and will not; of those that came back `restockable_quantity` can be sold
    again, None before somebody looked.
    """

    order_line_id: UUID
    sku_id: UUID
    product_name: str
    quantity: int
    held_back_quantity: int
    restockable_quantity: int | None

    @property
    def restock_quantity(self) -> int:
        """How many units go back on the shelf when the request ends in a refund."""
        return self.held_back_quantity + (self.restockable_quantity or 0)

    @property
    def claim(self) -> ClaimedUnits:
        """What the order line counts of this."""
        return ClaimedUnits(self.order_line_id, self.quantity, self.held_back_quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSale:
    """A shopper's request about units of one order; at `due_at` the shop goes on by itself."""

    id: UUID
    order_id: UUID
    order_number: str
    member_id: UUID
    number: int
    after_sale_number: str
    kind: AfterSaleKind
    status: AfterSaleStatus
    version: int
    reason: AfterSaleReason
    refund_id: UUID | None
    return_carrier: str | None
    return_tracking_number: str | None
    replacement_carrier: str | None
    replacement_tracking_number: str | None
    due_at: datetime | None
    applied_at: datetime
    ended_at: datetime | None

    def to(self, status: AfterSaleStatus, *, at: datetime, due_at: datetime | None) -> "AfterSale":
        """The request one step further; raises WrongAfterSaleStatus."""
        if status not in NEXT[self.status]:
            raise self._wrong()
        return replace(
            self,
            status=status,
            version=self.version + 1,
            due_at=due_at,
            ended_at=at if status in ENDED else None,
        )

    def require(self, *states: AfterSaleStatus) -> None:
        """Raise WrongAfterSaleStatus unless the request is in one of these states."""
        if self.status not in states:
            raise self._wrong()

    def after_approval(self) -> AfterSaleStatus:
        """Where an approved request goes on: what was sent back already need not be sent again."""
        if self.kind is AfterSaleKind.REFUND_ONLY:
            return AfterSaleStatus.REFUNDING
        if self.return_tracking_number is not None:
            return AfterSaleStatus.RETURNED
        return AfterSaleStatus.AWAITING_RETURN

    def _wrong(self) -> WrongAfterSaleStatus:
        return WrongAfterSaleStatus(f"The request is {self.status}.", after_sale_status=self.status.value)
