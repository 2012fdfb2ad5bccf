"""What holds for every cart (M5, C3), whatever the offers."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings, strategies as st

from services.order.pricing import (
    Coupon,
    FullReduction,
    PriceRequest,
    Quote,
    StepCode,
    dump,
    fingerprint,
    load_quote,
    load_request,
    price,
)
from tests.unit.order.pricing.carts import carts, coupons, full_reductions

quick = settings(max_examples=80)


def taken_fen(quote: Quote, step: StepCode) -> int:
    return sum(taken.amount_fen for line in quote.lines for taken in line.discounts if taken.step is step)


@quick
@given(carts())
def test_the_parts_sum_to_the_whole(cart: PriceRequest) -> None:
    quote = price(cart)

    assert quote.goods_fen == sum(line.unit_price_fen * line.quantity for line in cart.lines)
    assert quote.payable_fen == quote.goods_fen + quote.freight_fen - quote.discount_fen
    assert quote.payable_fen == sum(told.amount_fen for told in quote.explanation)
    assert quote.discount_fen == sum(quote.discount_fen_by_step.values())
    for step, amount_fen in quote.discount_fen_by_step.items():
        if step is not StepCode.FREIGHT_COUPON:
            assert taken_fen(quote, step) == amount_fen
    assert quote.points_used == sum(line.points_used for line in quote.lines)
    lines_fen = sum(line.payable_fen for line in quote.lines)
    assert quote.payable_fen == lines_fen + quote.freight_fen - quote.freight_discount_fen
    for line in quote.lines:
        assert line.payable_fen == line.list_fen - sum(taken.amount_fen for taken in line.discounts)
    for told in quote.explanation:
        if told.lines:
            assert told.amount_fen == sum(part.amount_fen for part in told.lines)


@quick
@given(carts())
def test_the_units_sum_to_their_line_and_none_is_negative(cart: PriceRequest) -> None:
    for line in price(cart).lines:
        units = [line.unit(index) for index in range(min(line.quantity, 60))]
        for unit in units:
            amounts_fen = [taken.amount_fen for taken in unit.discounts]
            assert min([unit.payable_fen, unit.points_used, *amounts_fen]) >= 0
            assert unit.payable_fen == unit.list_fen - sum(amounts_fen)
        if line.quantity == len(units):
            assert sum(unit.payable_fen for unit in units) == line.payable_fen
            assert sum(unit.points_used for unit in units) == line.points_used
            for place, taken in enumerate(line.discounts):
                assert sum(unit.discounts[place].amount_fen for unit in units) == taken.amount_fen
        assert max(unit.payable_fen for unit in units) - min(unit.payable_fen for unit in units) <= 1


@quick
@given(carts())
def test_nothing_falls_below_zero_and_no_offer_exceeds_its_limits(cart: PriceRequest) -> None:
    quote = price(cart)

    assert quote.payable_fen >= 0
    assert 0 <= quote.freight_discount_fen <= quote.freight_fen <= cart.freight.fee_fen
    for line in quote.lines:
        assert line.payable_fen >= 0
        assert all(taken.amount_fen > 0 for taken in line.discounts)
        assert sum(taken.step is StepCode.FULL_REDUCTION for taken in line.discounts) <= 1
    if cart.coupon and cart.coupon.amount_fen:
        assert quote.coupon_discount_fen <= cart.coupon.amount_fen
    if cart.coupon and cart.coupon.cap_fen:
        assert quote.coupon_discount_fen + quote.freight_discount_fen <= cart.coupon.cap_fen
    if cart.points:
        assert quote.points_used <= cart.points.requested_points
        assert quote.points_used % cart.points.step_points == 0
        assert quote.points_discount_fen * cart.points.points_per_yuan == quote.points_used * 100
        payable_by_points_fen = sum(line.payable_fen for line in quote.lines) + quote.points_discount_fen
        assert quote.points_discount_fen * 10_000 <= payable_by_points_fen * cart.points.max_ratio_bp


@quick
@given(carts(), coupons())
def test_adding_a_coupon_never_raises_what_the_buyer_gives(cart: PriceRequest, coupon: Coupon) -> None:
    """Money and points together: with fewer goods to pay, fewer points may be used and are kept."""
    without, with_coupon = price(replace(cart, coupon=None)), price(replace(cart, coupon=coupon))
    given_fen = without.payable_fen + without.points_discount_fen
    assert with_coupon.payable_fen + with_coupon.points_discount_fen <= given_fen
    used = with_coupon.coupon_discount_fen + with_coupon.freight_discount_fen > 0
    refused = any(rejection.source_id == str(coupon.id) for rejection in with_coupon.rejected)
    assert used != refused


@quick
@given(carts(), coupons())
def test_without_points_adding_a_coupon_never_raises_the_price(cart: PriceRequest, coupon: Coupon) -> None:
    bare = replace(cart, coupon=None, points=None)
    assert price(replace(bare, coupon=coupon)).payable_fen <= price(bare).payable_fen


@quick
@given(carts(), st.randoms(use_true_random=False))
def test_the_order_of_lines_and_rules_changes_no_fen(cart: PriceRequest, random: Random) -> None:
    lines, rules = list(cart.lines), list(cart.full_reductions)
    random.shuffle(lines)
    random.shuffle(rules)
    quote = price(cart)
    shuffled = price(replace(cart, lines=tuple(lines), full_reductions=tuple(rules)))

    by_key = {line.line_key: line for line in quote.lines}
    assert all(by_key[line.line_key] == line for line in shuffled.lines)
    assert [line.line_key for line in shuffled.lines] == [line.line_key for line in lines]
    assert fingerprint(shuffled) == fingerprint(quote)
    assert replace(shuffled, lines=(), explanation=()) == replace(quote, lines=(), explanation=())


@quick
@given(carts())
def test_stored_requests_recompute_and_stored_quotes_read_back_equal(cart: PriceRequest) -> None:
    quote = price(cart)
    assert load_request(dump(cart)) == cart
    assert price(load_request(dump(cart))) == quote
    assert load_quote(dump(quote)) == quote


@quick
@given(carts(), full_reductions)
def test_a_changed_price_changes_the_fingerprint(
    cart: PriceRequest, rules: tuple[FullReduction, ...]
) -> None:
    before, after = price(cart), price(replace(cart, full_reductions=rules))
    same = before.lines == after.lines and before.payable_fen == after.payable_fen
    assert (fingerprint(before) == fingerprint(after)) == same
