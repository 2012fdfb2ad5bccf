"""Whole fen, and how to share them without losing one (K1)."""

import re
from collections.abc import Sequence
from decimal import Decimal

MAX_ORDER_FEN = 10**10
"""No order may cost more (K1)."""

WHOLE_BP = 10_000
"""100 % in basis points."""

_YUAN = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,8})?")


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` in proportion to `weights` by largest remainder.

    The parts sum to `total` exactly; of equal remainders the first index wins; weight 0 gets 0; and while
    `total <= sum(weights)` no part exceeds its weight. Raises ValueError for negative numbers, and when
    there is something to share but nobody to take it.
    """
    whole = sum(weights)
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("only amounts and weights of 0 or more can be shared")
    if total == 0:
        return [0] * len(weights)
    if whole == 0:
        raise ValueError("an amount cannot be shared among weights that are all 0")
    shares, remainders = [], []
    for weight in weights:
        share, remainder = divmod(total * weight, whole)
        shares.append(share)
        remainders.append(remainder)
    left = total - sum(shares)
    if left:
        for index in sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:left]:
            shares[index] += 1
    return shares


def share_bp(amount_fen: int, bp: int) -> int:
    """`bp` basis points of an amount, half a fen rounded up. Raises ValueError for negative numbers."""
    if amount_fen < 0 or bp < 0:
        raise ValueError("a share is taken of an amount of 0 or more, at a rate of 0 or more")
    return (amount_fen * bp + WHOLE_BP // 2) // WHOLE_BP


def yuan(amount_fen: int) -> str:
    """An amount as people read it: 1234 fen is "12.34"."""
    whole, cents = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}{whole}.{cents:02d}"


def parse_yuan(text: str) -> int:
    """The fen of a decimal number of yuan such as "12.34". Raises ValueError unless they are whole (K1)."""
    if not _YUAN.fullmatch(text):
        raise ValueError("not an amount in yuan")
    amount_fen = Decimal(text) * 100
    if amount_fen != int(amount_fen):
        raise ValueError("not a whole number of fen")
    return int(amount_fen)
