"""Promotions that need no coupon: full reductions (满减, MK-03)."""
