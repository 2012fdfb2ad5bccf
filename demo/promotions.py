"""What the demo's shop gives away, and what it charges for freight. Money in fen, rates in basis points."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from demo.fields import STRICT, PositiveFen, Text


@dataclass(frozen=True)
class Scope:
    """What a promotion applies to; a category includes everything below it."""

    __pydantic_config__ = STRICT

    kind: Literal["shop", "category", "product"]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class CouponTemplate:
    """A coupon to be issued (MK-01, MK-02): a fixed sum off, a share off up to a cap, or off the freight."""

    __pydantic_config__ = STRICT

    key: Text
    name: Text
    kind: Literal["amount", "percent", "freight"]
    threshold_fen: Annotated[int, Field(ge=0)]
    scope: Scope
    audience: Literal["everyone", "new_member", "birthday"]
    total: Annotated[int, Field(gt=0)]
    per_member: Annotated[int, Field(gt=0)]
    valid_days: Annotated[int, Field(gt=0)]
    reduction_fen: PositiveFen | None = None
    discount_bp: Annotated[int, Field(gt=0, lt=10_000)] | None = None
    """The share taken off: 1000 is 9折."""
    cap_fen: PositiveFen | None = None


@dataclass(frozen=True)
class Tier:
    """A step of a full reduction, reached by a sum or by a number of pieces."""

    __pydantic_config__ = STRICT

    reduction_fen: PositiveFen
    threshold_fen: PositiveFen | None = None
    threshold_quantity: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True)
class FullReduction:
    """满减 (MK-03): the highest tier reached applies."""

    __pydantic_config__ = STRICT

    key: Text
    name: Text
    scope: Scope
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Perk:
    """Something a level gives (MB-02)."""

    __pydantic_config__ = STRICT

    kind: Literal["discount", "freight_coupon", "birthday_gift", "early_access"]
    title: Text
    coupon: str | None = None
    times_a_month: Annotated[int, Field(gt=0)] | None = None
    hours: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True)
class MemberLevel:
    """A growth level (MB-01); one yuan paid is one of growth. `discount_bp` is the share taken off."""

    __pydantic_config__ = STRICT

    key: Text
    name: Text
    growth_threshold: Annotated[int, Field(ge=0)]
    discount_bp: Annotated[int, Field(ge=0, lt=10_000)]
    perks: tuple[Perk, ...]


@dataclass(frozen=True)
class PointRules:
    """How points come and go (MB-03, MB-04); at most `max_deduction_bp` of an order is paid with them."""

    __pydantic_config__ = STRICT

    per_login_day: int
    per_yuan_paid: int
    per_review: int
    per_yuan_off: int
    max_deduction_bp: Annotated[int, Field(gt=0, le=10_000)]


@dataclass(frozen=True)
class FreightRule:
    """A flat fee, and the sum of goods from which there is none."""

    __pydantic_config__ = STRICT

    fee_fen: PositiveFen
    free_from_fen: PositiveFen
