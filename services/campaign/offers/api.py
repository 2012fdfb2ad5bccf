"""HTTP for checkout: everything campaigns have to say about a cart."""

from typing import Annotated

from pydantic import Field

from services.campaign.coupons.domain import REASONS, Coupon
from services.campaign.offers.domain import Line, list_price_fen
from services.campaign.offers.queries import coupons_for, full_reductions_for
from services.campaign.offers.views import CouponOffer, CouponProblem, OffersView, UsableCoupon
from services.campaign.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Fen, Id, Instant, Quantity
from shared.http.callers import FromOrder

router = service_router("/internal/offers", tags=["internal"])


class OfferLine(Body):
    """One SKU of the cart."""

    line_key: Annotated[str, Field(max_length=100)]
    product_id: Id
    category_ids: Annotated[list[Id], Field(max_length=20)]
    unit_price_fen: Fen
    quantity: Quantity

    def line(self) -> Line:
        """The line as campaigns look at it."""
        return Line(self.product_id, tuple(self.category_ids), self.unit_price_fen, self.quantity)


class OffersPost(Body):
    """A cart, whose it is, and the coupon chosen for it."""

    member_id: Id
    coupon_id: Id | None = None
    lines: Annotated[list[OfferLine], Field(min_length=1, max_length=200)]
    at: Instant


@router.post("")
async def show_offers(body: OffersPost, caller: FromOrder, resources: Own) -> OffersView:
    """The full reductions and coupons for a cart at an instant; two statements, whatever the cart."""
    lines = [each.line() for each in body.lines]
    async with reading(resources.engine) as connection:
        full_reductions = await full_reductions_for(connection, lines, at=body.at)
        found = await coupons_for(
            connection, lines, member_id=body.member_id, coupon_id=body.coupon_id, at=body.at
        )
    chosen = next((pair for pair in found if pair[0].id == body.coupon_id), None)
    problem = _problem(body, chosen)
    return OffersView(
        full_reductions=full_reductions,
        coupon=chosen[1] if chosen and problem is None else None,
        coupon_problem=problem,
        usable_coupons=[
            UsableCoupon(coupon_id=coupon.id, name=offer.name, kind=offer.kind, expires_at=coupon.expires_at)
            for coupon, offer in sorted(found, key=lambda pair: (pair[0].expires_at, pair[0].id))
            if _may_be_used(coupon, offer, lines, body)
        ],
    )


def _problem(body: OffersPost, chosen: tuple[Coupon, CouponOffer] | None) -> CouponProblem | None:
    if body.coupon_id is None:
        return None
    if chosen is None:
        return CouponProblem(code="unknown", detail="The member has no such coupon.")
    if (reason := chosen[0].unusable(body.at)) is None:
        return None
    return CouponProblem(code=reason, detail=REASONS[reason])


def _may_be_used(coupon: Coupon, offer: CouponOffer, lines: list[Line], body: OffersPost) -> bool:
    goods_fen = list_price_fen(lines, offer.scope)
    return coupon.unusable(body.at) is None and goods_fen >= max(offer.threshold_fen, 1)
