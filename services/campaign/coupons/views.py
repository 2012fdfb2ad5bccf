"""How a member's coupons look from outside."""

from datetime import datetime
from uuid import UUID

from services.campaign.coupon_templates.views import RuleView
from services.campaign.coupons.domain import CouponState
from services.campaign.coupons.lock_storage import LockState
from shared.http.bodies import View


class CouponView(RuleView):
    """A coupon with the rule it was claimed under; ``order_id`` while an order holds or has used it."""

    coupon_id: UUID
    template_id: UUID
    code: str
    state: CouponState
    order_id: UUID | None
    starts_at: datetime
    expires_at: datetime
    claimed_at: datetime


class CouponLockView(View):
    """A coupon that an order holds."""

    order_id: UUID
    coupon_id: UUID
    state: LockState


class CouponReleaseView(View):
    """An order that holds no coupon any more."""

    order_id: UUID
    state: LockState
