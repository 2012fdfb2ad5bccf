"""What units of an order bring back (PY-08, P8)."""

import pytest

from services.order.pricing import FreightRule, price
from services.order.refunds.domain import NotRefundable, amounts
from shared.http.problems import Invalid
from shared.ids import new_id
from tests.unit.order.orders import a_bought_line
from tests.unit.order.pricing.carts import a_cart, a_line, some_points


def test_units_bring_back_their_share_and_the_last_ones_the_freight_too() -> None:
    sku_id = new_id()
    quote = price(
        a_cart(
            a_line(str(sku_id), 1_000, 3, sku_id=sku_id),
            freight=FreightRule(fee_fen=800, free_from_fen=None),
            points=some_points(100),
        )
    )
    fresh = a_bought_line(sku_id=sku_id, quantity=3, payable_fen=2_900, points_used=100)
    first = amounts(quote, [fresh], {fresh.id: 1}, with_freight=True)
    assert (first.refund_fen, first.freight_fen, first.points_returned) == (967, 0, 33)
    rest = a_bought_line(
        id=fresh.id,
        sku_id=sku_id,
        quantity=3,
        payable_fen=2_900,
        points_used=100,
        refunded_quantity=1,
        refunded_fen=967,
        refunded_points=33,
    )
    last = amounts(quote, [rest], {rest.id: 2}, with_freight=True)
    assert (last.refund_fen, last.freight_fen, last.points_returned) == (1_933 + 800, 800, 67)
    assert amounts(quote, [rest], {rest.id: 2}, with_freight=False).refund_fen == 1_933


def test_more_than_is_left_or_another_orders_line_is_refused() -> None:
    sku_id = new_id()
    quote = price(a_cart(a_line(str(sku_id), 1_000, 3, sku_id=sku_id)))
    line = a_bought_line(
        sku_id=sku_id, quantity=3, payable_fen=3_000, refunded_quantity=2, refunded_fen=2_000
    )
    with pytest.raises(NotRefundable):
        amounts(quote, [line], {line.id: 2}, with_freight=False)
    with pytest.raises(Invalid):
        amounts(quote, [line], {new_id(): 1}, with_freight=False)
