"""Everything a price depends on, stored with the order so that it recomputes years later (MK-17).

A rule added later is a new field with a neutral default, so requests stored before it keep their price. A
rule that changes gets a new engine version, and the chain of the old one stays (engine.py).
"""

from dataclasses import dataclass
from math import gcd, lcm
from uuid import UUID

from pydantic import ConfigDict, with_config

from services.order.pricing.offers import Coupon, FullReduction
from services.order.pricing.refusals import InvalidPriceRequest, require_whole
from shared.money import MAX_ORDER_FEN, WHOLE_BP

MAX_QUANTITY = 9_999
MAX_POINTS = 10**12


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU and how many of it, at its list price.

    `line_key` is unique in the request and the same in preview and order: the odd fen of a shared discount
    falls by the order of the keys, so that the order of the lines changes nothing.
    """

    line_key: str
    sku_id: UUID
    product_id: UUID
    category_ids: tuple[UUID, ...]
    unit_price_fen: int
    quantity: int

    def __post_init__(self) -> None:
        require_whole("unit_price_fen", self.unit_price_fen, least=0, most=MAX_ORDER_FEN)
        require_whole("quantity", self.quantity, least=1, most=MAX_QUANTITY)

    @property
    def list_fen(self) -> int:
        """Price × quantity before any discount."""
        return self.unit_price_fen * self.quantity


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """The buyer's level. `discount_bp` is what is still paid: 9500 pays 95 % (九五折), 10000 pays all."""

    level_code: str
    level_name: str
    discount_bp: int

    def __post_init__(self) -> None:
        require_whole("discount_bp", self.discount_bp, least=0, most=WHOLE_BP)


@dataclass(frozen=True, slots=True)
class PointsWish:
    """How many points the buyer wants to pay with, and what the shop allows (MB-04).

    `points_per_yuan` points are worth 1 yuan; at most `max_ratio_bp` of the discounted goods may be paid
    so; points are used in multiples of `step_points`, and only as many as make whole fen.
    """

    requested_points: int
    points_per_yuan: int
    max_ratio_bp: int
    step_points: int

    def __post_init__(self) -> None:
        require_whole("requested_points", self.requested_points, least=0, most=MAX_POINTS)
        require_whole("points_per_yuan", self.points_per_yuan, least=1, most=1_000_000)
        require_whole("max_ratio_bp", self.max_ratio_bp, least=0, most=WHOLE_BP)
        require_whole("step_points", self.step_points, least=1, most=1_000_000)

    @property
    def increment(self) -> int:
        """The fewest points that are a multiple of the step and worth whole fen."""
        return lcm(self.step_points, self.points_per_yuan // gcd(self.points_per_yuan, 100))


@dataclass(frozen=True, slots=True)
class FreightRule:
    """`fee_fen`, or nothing once the discounted goods reach `free_from_fen` (None: never free)."""

    fee_fen: int
    free_from_fen: int | None

    def __post_init__(self) -> None:
        require_whole("fee_fen", self.fee_fen, least=0, most=MAX_ORDER_FEN)
        if self.free_from_fen is not None:
            require_whole("free_from_fen", self.free_from_fen, least=0, most=MAX_ORDER_FEN)

    def charge_fen(self, goods_fen: int) -> int:
        """The freight of goods that cost so much after every discount but points."""
        free = self.free_from_fen is not None and goods_fen >= self.free_from_fen
        return 0 if free else self.fee_fen


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class PriceRequest:
    """A cart with all that bears on its price; K1's cap holds at list price. Raises InvalidPriceRequest."""

    engine_version: int
    lines: tuple[Line, ...]
    freight: FreightRule
    member: MemberStanding | None = None
    full_reductions: tuple[FullReduction, ...] = ()
    coupon: Coupon | None = None
    points: PointsWish | None = None

    def __post_init__(self) -> None:
        require_whole("engine_version", self.engine_version, least=1, most=1_000_000)
        if not self.lines:
            raise InvalidPriceRequest("there is nothing to price")
        if len({line.line_key for line in self.lines}) != len(self.lines):
            raise InvalidPriceRequest("two lines share a line_key")
        if len({rule.id for rule in self.full_reductions}) != len(self.full_reductions):
            raise InvalidPriceRequest("a full reduction is given twice")
        if sum(line.list_fen for line in self.lines) + self.freight.fee_fen > MAX_ORDER_FEN:
            raise InvalidPriceRequest(f"an order may not cost more than {MAX_ORDER_FEN} fen")
