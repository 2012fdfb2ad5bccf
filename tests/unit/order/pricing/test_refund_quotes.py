"""Refunds piece by piece sum to what was paid (M5, OR-10, MB-04)."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from services.order.pricing import (
    CouponKind,
    FreightRule,
    InvalidRefund,
    PriceRequest,
    Quote,
    Refunded,
    RefundLine,
    RefundQuote,
    dump,
    load_quote,
    price,
    quote_refund,
)
from tests.unit.order.pricing.carts import a_cart, a_coupon, a_line, carts, some_points

NOTHING: dict[str, Refunded] = {}


def a_quote() -> Quote:
    """1000 fen of goods: 5 units of 100 and 1 of 500; 7 off, 300 points; 800 fen of freight."""
    return price(
        a_cart(
            a_line("a", 100, 5),
            a_line("b", 500, 1),
            coupon=a_coupon(CouponKind.AMOUNT, amount_fen=7),
            points=some_points(300),
            freight=FreightRule(fee_fen=800, free_from_fen=None),
        )
    )


def after(refunded: dict[str, Refunded], refund: RefundQuote) -> dict[str, Refunded]:
    """What was refunded, with one refund more."""
    total = dict(refunded)
    for line in refund.lines:
        before = total.get(line.line_key, Refunded(0, 0, 0))
        total[line.line_key] = Refunded(
            before.quantity + line.quantity,
            before.amount_fen + line.amount_fen,
            before.points + line.points_returned,
        )
    return total


def test_units_come_back_in_their_order_each_for_its_own_share() -> None:
    quote = a_quote()
    line = quote.lines[0]
    assert (line.payable_fen, line.points_used) == (346, 150)

    refunded, refunds = NOTHING, []
    for quantity in (2, 1, 2):
        refund = quote_refund(quote, {"a": quantity}, refunded=refunded, shipped=True)
        refunds.append((refund.refund_fen, refund.points_returned))
        refunded = after(refunded, refund)

    assert refunds == [(139, 60), (69, 30), (138, 60)]
    assert [line.unit(index).payable_fen for index in range(5)] == [70, 69, 69, 69, 69]


def test_an_unshipped_order_returned_whole_brings_back_its_freight_too() -> None:
    quote = a_quote()
    refund = quote_refund(quote, {"b": 1, "a": 5}, refunded=NOTHING, shipped=False)
    assert refund == RefundQuote(
        lines=(RefundLine("a", 5, 346, 150), RefundLine("b", 1, 347, 150)),
        goods_fen=693,
        freight_fen=800,
        refund_fen=1_493,
        points_returned=300,
    )
    assert refund.refund_fen == quote.payable_fen


def test_the_freight_comes_back_with_the_last_unit_of_an_unshipped_order_only() -> None:
    quote = a_quote()
    first = quote_refund(quote, {"a": 5}, refunded=NOTHING, shipped=False)
    rest = after(NOTHING, first)
    assert first.freight_fen == 0
    assert quote_refund(quote, {"b": 1}, refunded=rest, shipped=False).freight_fen == 800
    assert quote_refund(quote, {"b": 1}, refunded=rest, shipped=True).freight_fen == 0


def test_only_the_freight_that_was_paid_comes_back() -> None:
    quote = price(
        a_cart(
            a_line("a", 100, 1),
            coupon=a_coupon(CouponKind.FREIGHT, cap_fen=500),
            freight=FreightRule(fee_fen=800, free_from_fen=None),
        )
    )
    refund = quote_refund(quote, {"a": 1}, refunded=NOTHING, shipped=False)
    assert (refund.freight_fen, refund.refund_fen) == (300, quote.payable_fen)


def test_a_price_difference_paid_before_is_never_paid_twice() -> None:
    quote = a_quote()
    difference = {"a": Refunded(quantity=0, amount_fen=100, points=0)}
    first = quote_refund(quote, {"a": 4}, refunded=difference, shipped=True)
    last = quote_refund(quote, {"a": 1}, refunded=after(difference, first), shipped=True)
    assert [first.goods_fen, last.goods_fen] == [246, 0]


def test_a_smaller_refund_agreed_before_leaves_the_other_units_their_own_share() -> None:
    agreed = {"a": Refunded(quantity=1, amount_fen=10, points=0)}
    refund = quote_refund(a_quote(), {"a": 1}, refunded=agreed, shipped=True)
    assert (refund.goods_fen, refund.points_returned) == (69, 30)


def test_points_given_back_before_are_never_given_back_twice() -> None:
    goodwill = {"a": Refunded(quantity=0, amount_fen=0, points=100)}
    refund = quote_refund(a_quote(), {"a": 5}, refunded=goodwill, shipped=True)
    assert (refund.goods_fen, refund.points_returned) == (346, 50)


REFUSED: list[tuple[dict[str, Any], dict[str, Refunded]]] = [
    ({}, NOTHING),
    ({"c": 1}, NOTHING),
    ({"a": 1}, {"c": Refunded(1, 1, 0)}),
    ({"a": 0}, NOTHING),
    ({"a": -1}, NOTHING),
    ({"a": 6}, NOTHING),
    ({"a": True}, NOTHING),
    ({"a": 1.0}, NOTHING),
    ({"a": 3}, {"a": Refunded(3, 0, 0)}),
    ({"a": 1}, {"a": Refunded(5, 346, 150)}),
    ({"a": 1}, {"a": Refunded(1, 347, 0)}),
    ({"a": 1}, {"a": Refunded(1, 0, 151)}),
]


@pytest.mark.parametrize(("wanted", "refunded"), REFUSED)
def test_a_refund_of_more_than_is_left_is_refused(
    wanted: dict[str, Any], refunded: dict[str, Refunded]
) -> None:
    with pytest.raises(InvalidRefund):
        quote_refund(a_quote(), wanted, refunded=refunded, shipped=True)


@settings(max_examples=80)
@given(carts(), st.booleans(), st.data())
def test_any_sequence_of_partial_refunds_sums_to_what_was_paid(
    cart: PriceRequest, shipped: bool, data: st.DataObject
) -> None:
    quote = load_quote(dump(price(cart)))
    left = {line.line_key: line.quantity for line in quote.lines}
    refunded, paid_back_fen, points = NOTHING, 0, 0
    while left:
        keys = data.draw(st.lists(st.sampled_from(sorted(left)), min_size=1, unique=True))
        wanted = {key: data.draw(st.integers(max(1, left[key] // 3), left[key])) for key in keys}
        refund = quote_refund(quote, wanted, refunded=refunded, shipped=shipped)
        assert min(line.amount_fen for line in refund.lines) >= 0
        assert min(line.points_returned for line in refund.lines) >= 0
        assert refund.refund_fen == sum(line.amount_fen for line in refund.lines) + refund.freight_fen
        refunded, paid_back_fen, points = (
            after(refunded, refund),
            paid_back_fen + refund.refund_fen,
            points + refund.points_returned,
        )
        assert paid_back_fen <= quote.payable_fen
        left = {
            key: quantity - wanted.get(key, 0)
            for key, quantity in left.items()
            if quantity > wanted.get(key, 0)
        }
    kept_fen = quote.freight_fen - quote.freight_discount_fen if shipped else 0
    assert paid_back_fen == quote.payable_fen - kept_fen
    assert points == quote.points_used


@settings(max_examples=60)
@given(carts(), st.data())
def test_a_refund_is_the_sum_of_its_units(cart: PriceRequest, data: st.DataObject) -> None:
    quote = price(cart)
    line = data.draw(st.sampled_from(quote.lines))
    first = data.draw(st.integers(0, line.quantity - 1))
    count = data.draw(st.integers(1, min(40, line.quantity - first)))
    before = {line.line_key: Refunded(first, 0, 0)}
    refund = quote_refund(quote, {line.line_key: count}, refunded=before, shipped=True)
    units = [line.unit(index) for index in range(first, first + count)]
    assert refund.goods_fen == sum(unit.payable_fen for unit in units)
    assert refund.points_returned == sum(unit.points_used for unit in units)
