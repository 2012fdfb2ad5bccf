"""The campaign service: coupons and promotions, and what they offer on a cart."""
