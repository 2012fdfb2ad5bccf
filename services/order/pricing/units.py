"""A line's fen shared among its equal units, without a list of them.

Units weigh the same, so largest remainder gives every unit the quotient and the first few one fen more.
That has a closed form: a line of 9,999 units is shared, and any part of it refunded, in constant time and
storage. A share grows with its total, so the difference of two shares is a share again: what a discount
takes from one unit is never below zero and never more than the unit still costs.
"""


def unit_share(total: int, units: int, index: int) -> int:
    """What of `total` falls on unit `index` (from 0) of so many equal units."""
    return total // units + (index < total % units)


def first_units_share(total: int, units: int, count: int) -> int:
    """What of `total` falls on the first `count` of so many equal units together."""
    quotient, remainder = divmod(total, units)
    return quotient * count + min(count, remainder)
