"""What the shop offers on a cart: full reductions (满减, MK-03) and coupons (MK-01, MK-02)."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.order.pricing.refusals import InvalidPriceRequest, require_whole
from shared.money import MAX_ORDER_FEN, WHOLE_BP


class ScopeKind(StrEnum):
    """What an offer's ids mean."""

    ALL = "all"
    CATEGORIES = "categories"
    PRODUCTS = "products"


@dataclass(frozen=True, slots=True)
class Scope:
    """The goods an offer is for: all of them, or the listed categories or products."""

    kind: ScopeKind
    ids: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind is ScopeKind.ALL) != (not self.ids):
            raise InvalidPriceRequest("a scope lists ids unless it covers everything")


@dataclass(frozen=True, slots=True)
class Tier:
    """`reduction_fen` off once the goods in scope reach both thresholds; at least one of them is above 0."""

    reduction_fen: int
    threshold_fen: int = 0
    threshold_quantity: int = 0

    def __post_init__(self) -> None:
        require_whole("reduction_fen", self.reduction_fen, least=1, most=MAX_ORDER_FEN)
        require_whole("threshold_fen", self.threshold_fen, least=0, most=MAX_ORDER_FEN)
        require_whole("threshold_quantity", self.threshold_quantity, least=0, most=MAX_ORDER_FEN)
        if self.threshold_fen == self.threshold_quantity == 0:
            raise InvalidPriceRequest("a tier needs a threshold")


@dataclass(frozen=True, slots=True)
class FullReduction:
    """A full-reduction rule: the best tier the goods in its scope reach is taken off, once."""

    id: UUID
    name: str
    scope: Scope
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not self.tiers:
            raise InvalidPriceRequest("a full reduction needs a tier")

    def reduction_fen(self, goods_fen: int, quantity: int) -> int:
        """What goods of this amount and number save; never more than they cost."""
        reached = (
            tier.reduction_fen
            for tier in self.tiers
            if goods_fen >= tier.threshold_fen and quantity >= tier.threshold_quantity
        )
        return min(max(reached, default=0), goods_fen)


class CouponKind(StrEnum):
    """What a coupon lowers, and how."""

    AMOUNT = "amount"
    PERCENT = "percent"
    FREIGHT = "freight"


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon of the buyer's, with its template's rule.

    An `amount` coupon takes `amount_fen` off; a `percent` coupon leaves `discount_bp` to be paid (8000 pays
    80 %, 八折); a `freight` coupon takes the freight off. The last two take `cap_fen` at most (None: no cap).
    The goods in scope must reach `threshold_fen` after member price and full reduction; a coupon that does
    not stack with full reductions leaves the lines they lowered alone.
    """

    id: UUID
    template_id: UUID
    name: str
    kind: CouponKind
    scope: Scope
    threshold_fen: int
    stackable_with_full_reduction: bool
    amount_fen: int = 0
    discount_bp: int = WHOLE_BP
    cap_fen: int | None = None

    def __post_init__(self) -> None:
        amount, percent = self.kind is CouponKind.AMOUNT, self.kind is CouponKind.PERCENT
        require_whole("threshold_fen", self.threshold_fen, least=0, most=MAX_ORDER_FEN)
        require_whole("amount_fen", self.amount_fen, least=int(amount), most=MAX_ORDER_FEN if amount else 0)
        require_whole(
            "discount_bp",
            self.discount_bp,
            least=1 if percent else WHOLE_BP,
            most=WHOLE_BP - 1 if percent else WHOLE_BP,
        )
        if self.cap_fen is not None:
            require_whole("cap_fen", self.cap_fen, least=1, most=MAX_ORDER_FEN)
            if amount:
                raise InvalidPriceRequest("an amount coupon has no cap")
