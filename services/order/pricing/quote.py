"""A priced order, with every fen of it explained per line and per unit (MK-17, M5)."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic import ConfigDict, with_config

from services.order.pricing.units import first_units_share, unit_share


class StepCode(StrEnum):
    """The steps of the price chain, in their order."""

    GOODS = "goods"
    MEMBER_LEVEL = "member_level"
    FULL_REDUCTION = "full_reduction"
    COUPON = "coupon"
    POINTS = "points"
    FREIGHT = "freight"
    FREIGHT_COUPON = "freight_coupon"


class RejectionCode(StrEnum):
    """Why a coupon or some points were not used."""

    OUT_OF_SCOPE = "out_of_scope"
    NOT_STACKABLE = "not_stackable"
    BELOW_THRESHOLD = "below_threshold"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    COSTS_MORE_FREIGHT = "costs_more_freight"
    EXCEEDS_CAP = "exceeds_cap"
    NOT_A_MULTIPLE = "not_a_multiple"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A wish that was not granted, or (points) not in full; the caller decides whether that is a problem.

    `missing_fen` is what a coupon's threshold still lacks, `refused_points` how many of the points were
    left out.
    """

    step: StepCode
    source_id: str
    code: RejectionCode
    missing_fen: int = 0
    refused_points: int = 0


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What one offer takes off a line or a unit; `amount_fen` is above 0 on a line, 0 or more on a unit."""

    step: StepCode
    source_id: str
    source_name: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of a line: `payable_fen` is its list price less its discounts, and its refund."""

    list_fen: int
    discounts: tuple[Adjustment, ...]
    payable_fen: int
    points_used: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line as agreed: `payable_fen` = `list_fen` − its discounts (points among them), all in fen."""

    line_key: str
    sku_id: UUID
    quantity: int
    list_fen: int
    discounts: tuple[Adjustment, ...]
    payable_fen: int
    points_used: int

    def unit(self, index: int) -> Unit:
        """Unit `index` (from 0) and its share of all; the units sum to the line. Raises IndexError."""
        if not 0 <= index < self.quantity:
            raise IndexError(f"the line has no unit {index}")
        remaining_fen = self.list_fen
        unit_fen = unit_share(remaining_fen, self.quantity, index)
        discounts = []
        for discount in self.discounts:
            remaining_fen -= discount.amount_fen
            before_fen, unit_fen = unit_fen, unit_share(remaining_fen, self.quantity, index)
            discounts.append(
                Adjustment(discount.step, discount.source_id, discount.source_name, before_fen - unit_fen)
            )
        return Unit(
            list_fen=unit_share(self.list_fen, self.quantity, index),
            discounts=tuple(discounts),
            payable_fen=unit_fen,
            points_used=self.first_units_points(index + 1) - self.first_units_points(index),
        )

    def first_units_fen(self, count: int) -> int:
        """What the first `count` units cost together."""
        return first_units_share(self.payable_fen, self.quantity, count)

    def first_units_points(self, count: int) -> int:
        """The points spent on the first `count` units, in proportion to the fen that points took off them."""
        points_fen = sum(taken.amount_fen for taken in self.discounts if taken.step is StepCode.POINTS)
        if points_fen == 0:
            return 0
        before_fen = first_units_share(self.payable_fen + points_fen, self.quantity, count)
        return self.points_used * (before_fen - self.first_units_fen(count)) // points_fen


@dataclass(frozen=True, slots=True)
class LineAmount:
    """A line's part of an explained step, signed like the step."""

    line_key: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """One step as the buyer reads it; `amount_fen` is signed, and all of them sum to the payable amount."""

    step: StepCode
    name: str
    source_id: str
    source_name: str
    amount_fen: int
    lines: tuple[LineAmount, ...]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Quote:
    """The priced order: `payable_fen` = `goods_fen` + `freight_fen` − `discount_fen` ≥ 0 (M5).

    `goods_fen` is at list price, `freight_fen` before a freight coupon, and `discount_fen` everything taken
    off, points and freight coupon included; `discount_fen_by_step` names only the steps that took
    something.
    """

    lines: tuple[PricedLine, ...]
    goods_fen: int
    discount_fen: int
    discount_fen_by_step: dict[StepCode, int]
    coupon_discount_fen: int
    points_used: int
    points_discount_fen: int
    freight_fen: int
    freight_discount_fen: int
    payable_fen: int
    explanation: tuple[Explanation, ...]
    rejected: tuple[Rejection, ...]
