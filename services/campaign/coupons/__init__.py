"""Members' coupons: claimed, locked for an order, redeemed, given back, expired (MK-01, C1-C4)."""
