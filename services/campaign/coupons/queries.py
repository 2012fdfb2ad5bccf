"""A member's coupons as they look now."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.campaign.coupon_templates.storage import RULE_COLUMNS
from services.campaign.coupons.domain import CouponState
from services.campaign.coupons.views import CouponView
from services.campaign.scopes import with_scope
from shared.connection import Connection

_STATE_NOW = "CASE WHEN c.state = 'available' AND c.expires_at <= :at THEN 'expired' ELSE c.state END"
_FROM = (
    f"SELECT c.id AS coupon_id, c.template_id, c.code, {_STATE_NOW} AS state, {RULE_COLUMNS}, c.order_id,"
    " c.starts_at, c.expires_at, c.claimed_at"
    " FROM coupons c JOIN coupon_rules r ON r.template_id = c.template_id AND r.version = c.template_version"
)
_ONE = text(f"{_FROM} WHERE c.id = :coupon_id")
_PAGE = text(
    f"{_FROM} WHERE c.member_id = :member_id AND c.id < :before"
    f" AND (CAST(:state AS text) IS NULL OR {_STATE_NOW} = :state) ORDER BY c.id DESC LIMIT :limit"
)


async def coupon_view(connection: Connection, coupon_id: UUID, *, at: datetime) -> CouponView:
    """One coupon that exists."""
    row = (await connection.execute(_ONE, {"coupon_id": coupon_id, "at": at})).one()
    return CouponView.model_validate(with_scope(row))


async def coupons_of(
    connection: Connection,
    member_id: UUID,
    *,
    state: CouponState | None,
    at: datetime,
    before: UUID,
    limit: int,
) -> Sequence[CouponView]:
    """A member's coupons before an id, newest first; one statement."""
    values = {"member_id": member_id, "state": state, "at": at, "before": before, "limit": limit}
    return [CouponView.model_validate(with_scope(row)) for row in (await connection.execute(_PAGE, values))]
