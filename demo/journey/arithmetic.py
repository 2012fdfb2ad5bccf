"""What the journey's orders must cost: worked out here once more, on purpose not by the shop's own engine."""

from dataclasses import dataclass


def half_up(amount_fen: int, bp: int) -> int:
    """A share in basis points, half a fen up."""
    return (2 * amount_fen * bp + 10_000) // 20_000


def spread(total_fen: int, weights: dict[str, int]) -> dict[str, int]:
    """Largest remainder; of equal remainders the smaller key wins."""
    whole = sum(weights.values())
    parts = {key: total_fen * weight // whole for key, weight in weights.items()}
    left = total_fen - sum(parts.values())
    order = sorted(weights, key=lambda key: (-(total_fen * weights[key] % whole), key))
    for key in order[:left]:
        parts[key] += 1
    return parts


@dataclass(frozen=True)
class Bill:
    """What each step takes off, and what each line costs in the end."""

    goods_fen: int
    level_fen: int
    reduction_fen: int
    coupon_fen: int
    points_fen: int
    freight_fen: int
    freight_coupon_fen: int
    lines_fen: dict[str, int]
    lines_points: dict[str, int]

    @property
    def payable_fen(self) -> int:
        """What is to be paid."""
        return sum(self.lines_fen.values()) + self.freight_fen - self.freight_coupon_fen


def bill(
    lines: dict[str, tuple[int, int]],
    *,
    level_bp: int,
    tiers: list[tuple[int, int]],
    coupon: dict[str, int | str] | None,
    points: int,
    points_per_yuan: int,
    freight: tuple[int, int | None],
) -> Bill:
    """The bill for lines of (unit price, quantity), by the documented order of steps (MK-17)."""
    goods = {key: price * quantity for key, (price, quantity) in lines.items()}
    after = {key: half_up(price, level_bp) * quantity for key, (price, quantity) in lines.items()}
    level_fen = sum(goods.values()) - sum(after.values())
    reduction = max((off for threshold, off in tiers if sum(after.values()) >= threshold), default=0)
    after = _less(after, reduction)
    coupon_fen = freight_coupon_fen = 0
    whole = sum(after.values())
    if coupon and coupon["kind"] == "amount":
        coupon_fen = min(int(coupon["amount_fen"]), whole)
    if coupon and coupon["kind"] == "percent":
        coupon_fen = min(whole - half_up(whole, int(coupon["discount_bp"])), int(coupon["cap_fen"]))
    after = _less(after, coupon_fen)
    fee_fen, free_from_fen = freight
    freight_fen = 0 if free_from_fen is not None and sum(after.values()) >= free_from_fen else fee_fen
    if coupon and coupon["kind"] == "freight":
        freight_coupon_fen = freight_fen
    points_fen = points * 100 // points_per_yuan
    lines_points = spread(points, after) if points else dict.fromkeys(after, 0)
    after = _less(after, points_fen)
    return Bill(
        goods_fen=sum(goods.values()),
        level_fen=level_fen,
        reduction_fen=reduction,
        coupon_fen=coupon_fen,
        points_fen=points_fen,
        freight_fen=freight_fen,
        freight_coupon_fen=freight_coupon_fen,
        lines_fen=after,
        lines_points=lines_points,
    )


def first_unit(total: int, quantity: int) -> int:
    """The first unit's share of a line: the odd ones fall to the first units."""
    return -(-total // quantity)


def _less(amounts: dict[str, int], taken_fen: int) -> dict[str, int]:
    if not taken_fen:
        return amounts
    parts = spread(taken_fen, amounts)
    return {key: amount - parts[key] for key, amount in amounts.items()}
