"""The demo's coupons, full reductions, levels, points and freight, in the shop's own words.

The demo writes the share taken off; the shop's rates are what is still paid.
"""

from typing import Any

from demo.client import Client
from demo.filling.goods import Goods
from demo.promotions import CouponTemplate, FullReduction, Scope
from demo.shop import Shop
from shared.money import WHOLE_BP

AUDIENCES = {"everyone": "everybody", "new_member": "new_members"}
"""A shop that does not know birthdays yet gives no coupons for them."""

SCOPES = {"category": "categories", "product": "products"}


async def announce_giveaways(owner: Client, shop: Shop, goods: Goods) -> None:
    """Set the rules for members and freight, and start every coupon and full reduction."""
    await _set_member_rules(owner, shop)
    await owner.put(
        "/operator/freight-rule",
        {"fee_fen": shop.freight.fee_fen, "free_from_fen": shop.freight.free_from_fen},
    )
    for coupon in shop.coupons:
        if coupon.audience in AUDIENCES:
            added = await owner.post("/operator/coupon-templates", _template(coupon, goods))
            await owner.post(f"/operator/coupon-templates/{added['template_id']}/start")
    for reduction in shop.full_reductions:
        added = await owner.post("/operator/full-reductions", _full_reduction(reduction, goods))
        await owner.post(f"/operator/full-reductions/{added['full_reduction_id']}/start")


async def _set_member_rules(owner: Client, shop: Shop) -> None:
    levels = [
        {
            "code": level.key,
            "name": level.name,
            "threshold_growth": level.growth_threshold,
            "discount_bp": WHOLE_BP - level.discount_bp,
            "perks": [
                {"kind": perk.kind, "text": perk.title} for perk in level.perks if perk.kind != "discount"
            ],
        }
        for level in shop.member_levels
    ]
    await owner.put("/operator/member-levels", {"levels": levels})
    rules = await owner.get("/operator/point-rules")
    own = {
        "login_points": shop.points.per_login_day,
        "earn_points_per_yuan": shop.points.per_yuan_paid,
        "points_per_yuan": shop.points.per_yuan_off,
        "points_max_ratio_bp": shop.points.max_deduction_bp,
    }
    await owner.put("/operator/point-rules", rules | own)


def _template(coupon: CouponTemplate, goods: Goods) -> dict[str, Any]:
    worth: dict[str, Any] = {"amount_fen": coupon.reduction_fen}
    if coupon.kind == "freight":
        worth = {"cap_fen": coupon.reduction_fen}
    elif coupon.kind == "percent" and coupon.discount_bp is not None:
        worth = {"discount_bp": WHOLE_BP - coupon.discount_bp, "cap_fen": coupon.cap_fen}
    return worth | {
        "name": coupon.name,
        "kind": coupon.kind,
        "threshold_fen": coupon.threshold_fen,
        "scope": _scope(coupon.scope, goods),
        "audience": AUDIENCES[coupon.audience],
        "total_quota": coupon.total,
        "per_member_limit": coupon.per_member,
        "valid_days": coupon.valid_days,
    }


def _full_reduction(reduction: FullReduction, goods: Goods) -> dict[str, Any]:
    return {
        "name": reduction.name,
        "scope": _scope(reduction.scope, goods),
        "tiers": [
            {
                "reduction_fen": tier.reduction_fen,
                "threshold_fen": tier.threshold_fen or 0,
                "threshold_quantity": tier.threshold_quantity or 0,
            }
            for tier in reduction.tiers
        ],
    }


def _scope(scope: Scope, goods: Goods) -> dict[str, Any]:
    if scope.kind == "shop":
        return {"kind": "all"}
    ids = [
        goods.categories[key] if scope.kind == "category" else goods.products[key].product_id
        for key in scope.keys
    ]
    return {"kind": SCOPES[scope.kind], "ids": ids}
