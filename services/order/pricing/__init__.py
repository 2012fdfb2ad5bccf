"""The price engine: a pure function from a cart and all that bears on it to an explained price (MK-17).

`price(request)` is the same in preview, order, refund and audit. `dump` and `load_request` store its input
with the order, `fingerprint` tells whether the price changed since preview, `quote_refund` what returned
units bring back.
"""

from services.order.pricing.engine import ENGINE_VERSION, price
from services.order.pricing.fingerprint import fingerprint
from services.order.pricing.offers import Coupon, CouponKind, FullReduction, Scope, ScopeKind, Tier
from services.order.pricing.quote import (
    Adjustment,
    Explanation,
    LineAmount,
    PricedLine,
    Quote,
    Rejection,
    RejectionCode,
    StepCode,
    Unit,
)
from services.order.pricing.refund import Refunded, RefundLine, RefundQuote, quote_refund
from services.order.pricing.refusals import InvalidPriceRequest, InvalidRefund
from services.order.pricing.request import FreightRule, Line, MemberStanding, PointsWish, PriceRequest
from services.order.pricing.stored import dump, load_quote, load_request

__all__ = [
    "ENGINE_VERSION",
    "Adjustment",
    "Coupon",
    "CouponKind",
    "Explanation",
    "FreightRule",
    "FullReduction",
    "InvalidPriceRequest",
    "InvalidRefund",
    "Line",
    "LineAmount",
    "MemberStanding",
    "PointsWish",
    "PriceRequest",
    "PricedLine",
    "Quote",
    "RefundLine",
    "RefundQuote",
    "Refunded",
    "Rejection",
    "RejectionCode",
    "Scope",
    "ScopeKind",
    "StepCode",
    "Tier",
    "Unit",
    "dump",
    "fingerprint",
    "load_quote",
    "load_request",
    "price",
    "quote_refund",
]
