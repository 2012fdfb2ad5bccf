"""What returned units bring back, to the fen (OR-10, PY-08, MB-04, M5).

A line's units are refunded in their order, each for its own share, so however an order is returned piece by
piece, the pieces sum to what was paid and never to more (P8).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.order.pricing.quote import PricedLine, Quote
from services.order.pricing.refusals import InvalidRefund


@dataclass(frozen=True, slots=True)
class Refunded:
    """What of a line was refunded before, or is being refunded: units, money and points.

    The amount may differ from the units' shares: less was agreed, or a price difference was paid without a
    unit.
    """

    quantity: int
    amount_fen: int
    points: int


NOTHING_REFUNDED = Refunded(quantity=0, amount_fen=0, points=0)


@dataclass(frozen=True, slots=True)
class RefundLine:
    """The units of one line that come back now, and their money and points."""

    line_key: str
    quantity: int
    amount_fen: int
    points_returned: int


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """A refund to the fen: `refund_fen` = `goods_fen` + `freight_fen`.

    `goods_fen` is also the basis on which points earned by the order are taken back; for one unit that is its
    `payable_fen`.
    """

    lines: tuple[RefundLine, ...]
    goods_fen: int
    freight_fen: int
    refund_fen: int
    points_returned: int


def quote_refund(
    quote: Quote, wanted: Mapping[str, int], *, refunded: Mapping[str, Refunded], shipped: bool
) -> RefundQuote:
    """What the `wanted` quantities by line key bring back after what was `refunded` by line key.

    The freight comes back with the last unit of an order of which nothing was shipped. Raises InvalidRefund
    when nothing is wanted, a line is unknown, or more is wanted than is left.
    """
    unknown = (wanted.keys() | refunded.keys()) - {line.line_key for line in quote.lines}
    if unknown or not wanted:
        raise InvalidRefund("a refund names lines of the order")
    lines = tuple(
        _refund_line(line, wanted[line.line_key], refunded.get(line.line_key, NOTHING_REFUNDED))
        for line in quote.lines
        if line.line_key in wanted
    )
    everything = all(
        wanted.get(line.line_key, 0) + refunded.get(line.line_key, NOTHING_REFUNDED).quantity == line.quantity
        for line in quote.lines
    )
    goods_fen = sum(line.amount_fen for line in lines)
    freight_fen = quote.freight_fen - quote.freight_discount_fen if everything and not shipped else 0
    return RefundQuote(
        lines=lines,
        goods_fen=goods_fen,
        freight_fen=freight_fen,
        refund_fen=goods_fen + freight_fen,
        points_returned=sum(line.points_returned for line in lines),
    )


def _refund_line(line: PricedLine, quantity: int, before: Refunded) -> RefundLine:
    if type(quantity) is not int or not 1 <= quantity <= line.quantity - before.quantity:
        raise InvalidRefund(
            f"line {line.line_key} has {line.quantity - before.quantity} units left to refund"
        )
    if before.amount_fen > line.payable_fen or before.points > line.points_used:
        raise InvalidRefund(f"line {line.line_key} was refunded more than was paid for it")
    after = before.quantity + quantity
    amount_fen = line.first_units_fen(after) - line.first_units_fen(before.quantity)
    points = line.first_units_points(after) - line.first_units_points(before.quantity)
    return RefundLine(
        line_key=line.line_key,
        quantity=quantity,
        amount_fen=min(amount_fen, line.payable_fen - before.amount_fen),
        points_returned=min(points, line.points_used - before.points),
    )
