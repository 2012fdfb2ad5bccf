"""The published language: every event of the platform, declared once, by the service that announces it."""

from shared.events.base import EVENT_TYPES, Envelope, Event
from shared.events.campaign import CouponClaimed, CouponRedeemed, CouponRestored
from shared.events.catalog import ProductChanged
from shared.events.member import (
    LevelChanged,
    MemberRegistered,
    PhoneBound,
    PointsEarned,
    PointsReversed,
    PointsSpent,
)
from shared.events.order import (
    AfterSaleChanged,
    OrderClosed,
    OrderCompleted,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    RefundedLine,
    RefundRequested,
    ReplacedLine,
    ReplacementShipped,
)
from shared.events.payment import (
    PaymentSucceeded,
    ProfitShared,
    ProfitShareReturned,
    RefundFailed,
    RefundSucceeded,
    SharedPart,
    SurplusRefunded,
)

__all__ = [
    "EVENT_TYPES",
    "AfterSaleChanged",
    "CouponClaimed",
    "CouponRedeemed",
    "CouponRestored",
    "Envelope",
    "Event",
    "LevelChanged",
    "MemberRegistered",
    "OrderClosed",
    "OrderCompleted",
    "OrderLine",
    "OrderPaid",
    "OrderPlaced",
    "OrderRefunded",
    "OrderShipped",
    "PaymentSucceeded",
    "PhoneBound",
    "PointsEarned",
    "PointsReversed",
    "PointsSpent",
    "ProductChanged",
    "ProfitShareReturned",
    "ProfitShared",
    "RefundFailed",
    "RefundRequested",
    "RefundSucceeded",
    "RefundedLine",
    "ReplacedLine",
    "ReplacementShipped",
    "SharedPart",
    "SurplusRefunded",
]
