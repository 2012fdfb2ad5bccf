"""What the campaign service announces."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.events.base import Event


class CouponClaimed(Event):
    """A member took a coupon."""

    type: ClassVar[str] = "coupon.claimed.v1"
    subject: ClassVar[str] = "coupon_id"
    announced_by: ClassVar[str] = "campaign"

    coupon_id: UUID
    coupon_template_id: UUID
    member_id: UUID
    claimed_at: datetime


class CouponRedeemed(Event):
    """A coupon was used by a paid order."""

    type: ClassVar[str] = "coupon.redeemed.v1"
    subject: ClassVar[str] = "coupon_id"
    announced_by: ClassVar[str] = "campaign"

    coupon_id: UUID
    coupon_template_id: UUID
    member_id: UUID
    order_id: UUID
    discount_fen: int
    redeemed_at: datetime


class CouponRestored(Event):
    """A used coupon went back to its owner because the whole order was refunded."""

    type: ClassVar[str] = "coupon.restored.v1"
    subject: ClassVar[str] = "coupon_id"
    announced_by: ClassVar[str] = "campaign"

    coupon_id: UUID
    coupon_template_id: UUID
    member_id: UUID
    order_id: UUID
    restored_at: datetime
