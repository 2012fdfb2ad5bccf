"""What the checker reads: the shapes of `opening.json`, `observed.json` and `books.json`, and what it needs of the journal.

Every list holds the shop's own answers as they came (all pages); fields that are not named here are ignored. Amounts are
fen, ids and numbers are strings as they were told, instants are aware.

| of an observation | is taken from |
|---|---|
| `taken_at` | the clock of the harness |
| `point_rules` | `GET /operator/point-rules` |
| `orders` | `GET /operator/orders`, of the whole shop |
| `refunds` | `GET /operator/refunds` |
| `shipments` | `shipments` of `GET /operator/orders/{order_id}`, for every order with a shipped unit |
| `after_sales` | `GET /operator/after-sales` |
| `stock` | `GET /operator/skus/{sku_id}/stock` of each SKU of the run |
| `stock[].adjustments` | the `adjust` ones of `GET /operator/skus/{sku_id}/stock-movements` |
| `members` | `GET /operator/members/{member_id}` of each shopper |
| `members[].entries`, `members[].coupons` | the shopper's `GET /me/points/entries` and `GET /me/coupons` |
| `coupon_templates` | `GET /operator/coupon-templates` |
| `payments` | `GET /operator/payments` |
| `refund_attempts` | `GET /operator/refund-attempts` |
| `cash_accounts` | `items` of `GET /operator/cash-accounts` |
| `days` | `days` of `GET /operator/metrics/daily`, of every shop day of the run |
| `parked` | `GET /operator/parked-events` of every service, and its name as `service` |

`books.json` is the simulator's `GET /_control/books`.

An entry's `request` is the body that was sent and, beside its fields, the ids of what it was sent to.

| call of the journal | read of its `request` | read of its answer |
|---|---|---|
| `login` | | `member_id` |
| `claim-coupon` | `template_id` | `coupon_id`, `template_id` |
| `place-order` | `lines` [`sku_id`, `quantity`], `coupon_id` | `order_id`, `order_number`, `payable_fen` |
| `pay`, `cancel-order`, `confirm-receipt`, `see-order` | `order_id` | `order_id`, `status` |
| `ship-order` | `order_id`, `tracking_number` | `shipment_id` |
| `request-refund` | `order_id` | `refund_id`, `refund_number`, `order_id`, `refund_fen` |
| `request-after-sale` | `order_id`, `kind`, `lines` [`order_line_id`, `quantity`] | `after_sale_id` |
| `withdraw-after-sale`, `approve-after-sale`, `confirm-replacement`, `refund-instead` | `after_sale_id` | |
| `send-back`, `ship-replacement` | `after_sale_id`, `tracking_number` | |
| `receive-return` | `after_sale_id`, `lines` [`order_line_id`, `restockable_quantity`] | |
| `adjust-points` | `member_id`, `points`, `reason` (of this call alone) | |
| `adjust-stock` | `sku_id`, `change`, `reason` (of this call alone) | |

Of every call with a key the whole answer is compared with the other answers to that key.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
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
class Shipment:
    """A parcel."""

    shipment_id: str
    order_id: str
    tracking_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSaleLine:
    """Units that a request is about; `restockable_quantity` of them came back fit to be sold, None before inspection."""

    order_line_id: str
    sku_id: str
    quantity: int
    restockable_quantity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """The refund that a request led to."""

    refund_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waybill:
    """Under which number goods went."""

    tracking_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSale:
    """An after-sale request; with a `replacement_waybill` new goods have left."""

    after_sale_id: str
    order_id: str
    kind: str
    status: str
    lines: tuple[AfterSaleLine, ...]
    refund: GivenBack | None
    return_waybill: Waybill | None
    replacement_waybill: Waybill | None

    @property
    def is_replaced(self) -> bool:
        """Whether the new goods of an exchange have left."""
        return self.replacement_waybill is not None

    @property
    def holds_stock(self) -> bool:
        """Whether new goods are held for it."""
        return self.status == "replacing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjustment:
    """One correction of what is on hand."""

    reason: str | None
    on_hand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How much of a SKU there is, and every correction of it."""

    sku_id: str
    on_hand: int
    reserved: int
    available: int
    sold: int
    adjustments: tuple[StockAdjustment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsEntry:
    """One movement of the spendable points; negative ones went away."""

    entry_id: str
    kind: str
    points: int
    order_id: str | None
    reason: str | None
    at: datetime


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

    member_id: str
    growth: int
    spendable_points: int
    held_points: int
    owed_points: int
    entries: tuple[PointsEntry, ...]
    coupons: tuple[Coupon, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTemplate:
    """How many coupons a template may give, and gave."""

    template_id: str
    total_quota: int
    per_member_limit: int
    issued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What the payment service says of an order's money."""

    order_id: str
    status: str
    paid_fen: int
    refunded_fen: int


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
class CashAccount:
    """An account of the cash books; debits are positive."""

    account: str
    balance_fen: int


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
class ParkedEvent:
    """An event that a service gave up on."""

    service: str
    reaction: str
    event_id: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the shop says of itself at one moment."""

    taken_at: datetime
    point_rules: PointRules
    orders: tuple[Order, ...]
    refunds: tuple[Refund, ...]
    shipments: tuple[Shipment, ...]
    after_sales: tuple[AfterSale, ...]
    stock: tuple[Stock, ...]
    members: tuple[Member, ...]
    coupon_templates: tuple[CouponTemplate, ...]
    payments: tuple[Payment, ...]
    refund_attempts: tuple[RefundAttempt, ...]
    cash_accounts: tuple[CashAccount, ...]
    days: tuple[Day, ...]
    parked: tuple[ParkedEvent, ...]

    @cached_property
    def order_by_id(self) -> Mapping[str, Order]:
        """The orders by their ids."""
        return {order.order_id: order for order in self.orders}

    @cached_property
    def refunds_by_order(self) -> Mapping[str, list[Refund]]:
        """The refunds of each order that has some."""
        found: defaultdict[str, list[Refund]] = defaultdict(list)
        for refund in self.refunds:
            found[refund.order_id].append(refund)
        return dict(found)

    @cached_property
    def refund_by_id(self) -> Mapping[str, Refund]:
        """The refunds by their ids."""
        return {refund.refund_id: refund for refund in self.refunds}

    @cached_property
    def after_sale_by_id(self) -> Mapping[str, AfterSale]:
        """The after-sale requests by their ids."""
        return {request.after_sale_id: request for request in self.after_sales}

    @cached_property
    def shipments_by_order(self) -> Mapping[str, list[Shipment]]:
        """The parcels of each order that has some."""
        found: defaultdict[str, list[Shipment]] = defaultdict(list)
        for shipment in self.shipments:
            found[shipment.order_id].append(shipment)
        return dict(found)

    @cached_property
    def payment_by_order(self) -> Mapping[str, Payment]:
        """The payments by order id."""
        return {payment.order_id: payment for payment in self.payments}

    @cached_property
    def member_by_id(self) -> Mapping[str, Member]:
        """The members by their ids."""
        return {member.member_id: member for member in self.members}

    @cached_property
    def stock_by_sku(self) -> Mapping[str, Stock]:
        """The stock by SKU."""
        return {level.sku_id: level for level in self.stock}

    @cached_property
    def balances(self) -> Mapping[str, int]:
        """What each cash account holds, in fen."""
        return {account.account: account.balance_fen for account in self.cash_accounts}


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
