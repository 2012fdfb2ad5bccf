"""What touches a cart: one statement for full reductions, one for coupons, whatever the number of lines.

A scope comes back narrowed to the ids in the cart, so that what is stored with an order stays small.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.campaign.coupons.domain import Coupon, CouponState
from services.campaign.offers.domain import Line
from services.campaign.offers.views import CouponOffer, FullReductionOffer
from services.campaign.promotions.storage import RUNNING
from services.campaign.scopes import with_scope
from shared.connection import Connection, Row

MOST_COUPONS = 100

_CART = (
    "(VALUES ('products', CAST(:product_ids AS uuid[])), ('categories', CAST(:category_ids AS uuid[])),"
    " ('all', CAST(NULL AS uuid[]))) AS cart(kind, ids)"
)
_TOUCHED = "(s.scope_kind = 'all' OR s.scope_ids && cart.ids)"
_NARROWED = "ARRAY(SELECT unnest(s.scope_ids) INTERSECT SELECT unnest(cart.ids) ORDER BY 1)"
_FULL_REDUCTIONS = text(
    f"SELECT s.id, s.name, s.scope_kind, {_NARROWED} AS scope_ids, s.tiers FROM full_reductions s"
    f" JOIN {_CART} ON cart.kind = s.scope_kind WHERE {RUNNING} AND {_TOUCHED} ORDER BY s.id"
)
_COUPONS = text(
    "SELECT c.id, c.template_id, c.member_id, c.state, c.starts_at, c.expires_at, s.name, s.kind, s.scope_kind,"
    f" CASE WHEN {_TOUCHED} THEN {_NARROWED} ELSE s.scope_ids[1:1] END AS scope_ids, s.threshold_fen,"
    " s.stackable_with_full_reduction, s.amount_fen, s.discount_bp, s.cap_fen"
    " FROM coupons c JOIN coupon_rules s ON s.template_id = c.template_id AND s.version = c.template_version"
    f" JOIN {_CART} ON cart.kind = s.scope_kind WHERE c.member_id = :member_id AND (c.id = CAST(:coupon_id AS uuid)"
    f" OR c.state = 'available' AND c.starts_at <= :at AND c.expires_at > :at AND {_TOUCHED})"
    " ORDER BY c.id IS DISTINCT FROM CAST(:coupon_id AS uuid), c.expires_at, c.id LIMIT :most"
)


async def full_reductions_for(
    connection: Connection, lines: Sequence[Line], *, at: datetime
) -> list[FullReductionOffer]:
    """The full reductions that run and are for at least one line, by id."""
    rows = await connection.execute(_FULL_REDUCTIONS, _cart(lines) | {"at": at})
    return [FullReductionOffer.model_validate(with_scope(row)) for row in rows]


async def coupons_for(
    connection: Connection,
    lines: Sequence[Line],
    *,
    member_id: UUID,
    coupon_id: UUID | None,
    at: datetime,
) -> list[tuple[Coupon, CouponOffer]]:
    """The chosen coupon in whatever state, if it is the member's, then their free ones for at least one line.

    A scope that no line is in keeps one id, and the price engine says that the coupon is out of scope.
    """
    values = {"member_id": member_id, "coupon_id": coupon_id, "at": at, "most": MOST_COUPONS}
    rows = await connection.execute(_COUPONS, _cart(lines) | values)
    return [(_coupon(row), CouponOffer.model_validate(with_scope(row))) for row in rows]


def _cart(lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "product_ids": list({line.product_id for line in lines}),
        "category_ids": list({category_id for line in lines for category_id in line.category_ids}),
    }


def _coupon(row: Row) -> Coupon:
    return Coupon(
        id=row["id"],
        template_id=row["template_id"],
        member_id=row["member_id"],
        state=CouponState(row["state"]),
        starts_at=row["starts_at"],
        expires_at=row["expires_at"],
    )
