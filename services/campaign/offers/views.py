"""Offers in the price engine's own shape (MK-17)."""

from datetime import datetime
from uuid import UUID

from services.campaign.coupon_templates.domain import CouponKind
from services.campaign.coupon_templates.views import RuleView
from services.campaign.promotions.domain import Tier
from services.campaign.scopes import Scope
from shared.http.bodies import View


class FullReductionOffer(View):
    """The price engine's FullReduction."""

    id: UUID
    name: str
    scope: Scope
    tiers: list[Tier]


class CouponOffer(RuleView):
    """The price engine's Coupon."""

    id: UUID
    template_id: UUID


class CouponProblem(View):
    """Why the chosen coupon cannot be used; ``unknown`` when the member has no such coupon."""

    code: str
    detail: str


class UsableCoupon(View):
    """A free coupon of the member's whose threshold the cart may reach, the soonest to expire first."""

    coupon_id: UUID
    name: str
    kind: CouponKind
    expires_at: datetime


class OffersView(View):
    """What the shop offers on a cart."""

    full_reductions: list[FullReductionOffer]
    coupon: CouponOffer | None
    coupon_problem: CouponProblem | None
    usable_coupons: list[UsableCoupon]
