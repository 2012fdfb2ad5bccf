"""What the checker reads of `opening.json`, `observed.json` and `books.json`: the shop's own words, as they came.

`chaos/observation.py` says where each part comes from; `point_rules` is `GET /operator/point-rules`, and `after_sales`
all of the operators' list. Fields not named here are ignored. Amounts are fen, ids and numbers are strings as they were
told, instants are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter

OPENING_FILE = "opening.json"
OBSERVED_FILE = "observed.json"
BOOKS_FILE = "books.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRules:
    """How points and growth are earned."""

    earn_points_per_yuan: int
    growth_per_yuan: int
    login_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """A line as agreed, and what became of its units."""

    order_line_id: str
    sku_id: str
    unit_price_fen: int
    quantity: int
    payable_fen: int
    points_used: int
    shipped_quantity: int
    refunded_quantity: int
    refunded_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A parcel."""

    shipment_id: str
    tracking_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the shop tells it."""

    order_id: str
    order_number: str
    member_id: str
    status: str
    refund_summary: str
    lines: tuple[OrderLine, ...]
    goods_fen: int
    discount_fen: int
    points_used: int
    freight_fen: int
    freight_discount_fen: int
    payable_fen: int
    refunded_fen: int
    coupon_id: str | None
    close_reason: str | None
    placed_at: datetime
    paid_at: datetime | None
    shipments: tuple[Shipment, ...]

    @property
    def is_ever_paid(self) -> bool:
        """Whether it was paid, whatever came back later."""
        return self.status in ("paid", "partly_shipped", "shipped", "completed")

    @property
    def is_closed(self) -> bool:
        """Whether it will never be paid."""
        return self.status == "closed"

    @property
    def is_open(self) -> bool:
        """Whether it still holds what it needs."""
        return not self.is_ever_paid and not self.is_closed

    @property
    def was_placed(self) -> bool:
        """Whether it ever waited for payment: not refused, nor given up while it was made."""
        return self.status != "creating" and self.close_reason not in ("refused", "unavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """So many units of an order line; `restock_quantity` of them go back on the shelf, all when it is not told."""

    order_line_id: str
    quantity: int
    amount_fen: int
    points_returned: int
    restock_quantity: int | None = None

    @property
    def restocked(self) -> int:
        """The units that go back on the shelf."""
        return self.quantity if self.restock_quantity is None else self.restock_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund as the order service tells it."""

    refund_id: str
    refund_number: str
    order_id: str
    status: str
    lines: tuple[RefundLine, ...]
    freight_fen: int
    refund_fen: int
    points_returned: int
    refunded_at: datetime | None

    @property
    def is_done(self) -> bool:
        """Whether the money reached the shopper."""
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSale:
    """An after-sale request."""

    after_sale_id: str
    order_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """How much of a SKU there is."""

    on_hand: int
    reserved: int
    available: int
    sold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockMovement:
    """One entry of a SKU's ledger."""

    kind: str
    on_hand: int
    reserved: int
    sold: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """A member's points; `owed_points` is what a claw-back could not find."""

    spendable_points: int
    held_points: int
    owed_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsEntry:
    """One movement of the spendable points; negative ones went away."""

    entry_id: str
    kind: str
    points: int
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where a member stands."""

    growth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A member's coupon; `order_id` while an order holds or has used it."""

    coupon_id: str
    template_id: str
    state: str
    order_id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A shopper's points, growth and coupons."""

    points: Points
    points_entries: tuple[PointsEntry, ...]
    level: Level
    coupons: tuple[Coupon, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTemplate:
    """How many coupons a template may give, and gave."""

    template_id: str
    total_quota: int
    per_member_limit: int
    issued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One entry of the cash books; debits are positive."""

    journal_id: str
    account: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What the payment service says of an order's money."""

    order_id: str
    status: str
    paid_fen: int
    refunded_fen: int
    ledger: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAttempt:
    """One number under which money was to go back; `kind` is `order` or `surplus`."""

    out_refund_no: str
    refund_id: str
    kind: str
    order_id: str
    out_trade_no: str
    refund_fen: int
    refund_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayValues:
    """What analytics counted of a day."""

    orders_created: int
    orders_paid: int
    gmv_fen: int
    refunds: int
    refund_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A shop day's numbers."""

    day_on: date
    values: DayValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """The numbers of every shop day of the run."""

    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event that a service gave up on."""

    reaction: str
    event_id: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the shop says of itself at one moment."""

    point_rules: PointRules
    orders: Mapping[str, Order]
    refunds: tuple[Refund, ...]
    after_sales: tuple[AfterSale, ...]
    stock: Mapping[str, StockLevel]
    stock_movements: Mapping[str, tuple[StockMovement, ...]]
    members: Mapping[str, Member]
    coupon_templates: tuple[CouponTemplate, ...]
    payments: Mapping[str, Payment]
    refund_attempts: tuple[RefundAttempt, ...]
    cash_accounts: Mapping[str, int]
    metrics_daily: Daily
    parked_events: Mapping[str, tuple[ParkedEvent, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An order at WeChat Pay; `paid_at` once somebody paid it."""

    out_trade_no: str
    total_fen: int
    paid_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOut:
    """A refund at WeChat Pay; SUCCESS once it reached the shopper."""

    out_refund_no: str
    out_trade_no: str
    refund_fen: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The simulator's own books."""

    payments: tuple[Transaction, ...]
    refunds: tuple[PaidOut, ...]


_OBSERVATION = TypeAdapter(Observation)
_BOOKS = TypeAdapter(Books)


def read_observation(path: Path) -> Observation:
    """An observation from its file; raises pydantic's ValidationError."""
    return _OBSERVATION.validate_json(path.read_bytes())


def read_books(path: Path) -> Books:
    """The simulator's books from their file; raises pydantic's ValidationError."""
    return _BOOKS.validate_json(path.read_bytes())
