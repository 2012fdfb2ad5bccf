"""Coupon templates: what a coupon is worth, for which goods, how many there are, and who may claim one (MK-01, MK-02)."""
