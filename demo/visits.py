"""What a demo shopper's visit is made of: plain values, all instants aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from demo.shoppers import Channel, Shopper

Action = Literal["page_view", "search", "product_view", "add_to_cart", "checkout_start"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing a shopper did, in the words of the event catalogue; only the fields of its action are set."""

    at: datetime
    action: Action
    page: str
    product_code: str | None = None
    sku_code: str | None = None
    quantity: int | None = None
    keyword: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a SKU."""

    sku_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A later wish to have some pieces paid back, counted from receipt."""

    line: Line
    reason: str
    after_days: int


@dataclass(frozen=True, slots=True)
class Paid:
    """The order is paid, shipped and received; `after_seconds` counts from placing it, each later step from the last."""

    after_seconds: int
    ship_after_hours: int
    confirm_after_days: int
    refund: Refund | None


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Never paid: it closes by its own deadline."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Given up by the shopper before paying."""

    after_seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is placed at the end of a visit, and what becomes of it."""

    at: datetime
    lines: tuple[Line, ...]
    uses_coupon: bool
    uses_points: bool
    outcome: Paid | Abandoned | Cancelled


@dataclass(frozen=True, slots=True)
class Visit:
    """One opening of the shop; all instants are aware UTC, and the behaviours are in order of time."""

    at: datetime
    shopper: Shopper
    channel: Channel
    behaviours: tuple[Behaviour, ...]
    order: Order | None
