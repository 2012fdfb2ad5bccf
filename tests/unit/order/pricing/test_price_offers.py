"""Which offers apply to a cart, how far, and what is told about those that do not."""

from uuid import UUID, uuid4

import pytest

from services.order.pricing import (
    CouponKind,
    FreightRule,
    Rejection,
    RejectionCode,
    Scope,
    ScopeKind,
    StepCode,
    Tier,
    price,
)
from tests.unit.order.pricing.carts import a_cart, a_coupon, a_full_reduction, a_line, some_points

TEA, CUP = uuid4(), uuid4()
TEA_ONLY = Scope(ScopeKind.PRODUCTS, (TEA,))


def test_the_best_tier_that_is_reached_is_taken_once() -> None:
    rule = a_full_reduction(
        Tier(reduction_fen=500, threshold_fen=5_000),
        Tier(reduction_fen=1_500, threshold_fen=10_000),
        Tier(reduction_fen=4_000, threshold_fen=20_001),
    )
    assert price(a_cart(a_line("a", 10_000, 2), full_reductions=(rule,))).payable_fen == 18_500
    assert price(a_cart(a_line("a", 4_999, 1), full_reductions=(rule,))).payable_fen == 4_999


def test_a_tier_may_ask_for_a_number_of_pieces() -> None:
    rule = a_full_reduction(Tier(reduction_fen=300, threshold_quantity=3))
    assert price(a_cart(a_line("a", 500, 2), full_reductions=(rule,))).payable_fen == 1_000
    assert price(a_cart(a_line("a", 500, 3), full_reductions=(rule,))).payable_fen == 1_200


def test_a_reduction_never_exceeds_the_goods() -> None:
    rule = a_full_reduction(Tier(reduction_fen=900, threshold_quantity=1))
    assert price(a_cart(a_line("a", 500, 1), full_reductions=(rule,))).payable_fen == 0


def test_a_line_is_lowered_by_one_full_reduction_and_the_best_goes_first() -> None:
    everywhere = a_full_reduction(Tier(reduction_fen=1_000, threshold_fen=1_000))
    on_tea = a_full_reduction(Tier(reduction_fen=1_200, threshold_fen=1_000), scope=TEA_ONLY)
    tea, cup = a_line("tea", 5_000, 1, product_id=TEA), a_line("cup", 3_000, 1, product_id=CUP)

    quote = price(a_cart(tea, cup, full_reductions=(everywhere, on_tea)))

    assert [[taken.source_id for taken in line.discounts] for line in quote.lines] == [
        [str(on_tea.id)],
        [str(everywhere.id)],
    ]
    assert [line.payable_fen for line in quote.lines] == [3_800, 2_000]


def test_of_equal_reductions_the_smaller_id_wins_whatever_their_order() -> None:
    first = a_full_reduction(Tier(reduction_fen=100, threshold_fen=1), rule_id=UUID(int=1))
    second = a_full_reduction(Tier(reduction_fen=100, threshold_fen=1), rule_id=UUID(int=2))
    for rules in ((first, second), (second, first)):
        (line,) = price(a_cart(a_line("a", 500, 1), full_reductions=rules)).lines
        assert [taken.source_id for taken in line.discounts] == [str(first.id)]


def test_a_coupon_lowers_only_the_goods_in_its_scope_and_never_below_zero() -> None:
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=9_000, scope=TEA_ONLY)
    quote = price(
        a_cart(a_line("tea", 500, 2, product_id=TEA), a_line("cup", 300, 1, product_id=CUP), coupon=coupon)
    )
    assert [line.payable_fen for line in quote.lines] == [0, 300]
    assert quote.coupon_discount_fen == 1_000


def test_a_percent_coupon_leaves_its_rate_to_be_paid_up_to_its_cap() -> None:
    cart = a_line("a", 9_995, 1)
    uncapped = a_coupon(CouponKind.PERCENT, discount_bp=8_500)
    capped = a_coupon(CouponKind.PERCENT, discount_bp=8_500, cap_fen=1_000)
    assert price(a_cart(cart, coupon=uncapped)).payable_fen == 8_496
    assert price(a_cart(cart, coupon=capped)).payable_fen == 8_995


def test_a_coupon_that_does_not_stack_leaves_reduced_lines_alone() -> None:
    rule = a_full_reduction(Tier(reduction_fen=100, threshold_fen=1), scope=TEA_ONLY)
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=200, stackable_with_full_reduction=False)
    tea, cup = a_line("tea", 500, 1, product_id=TEA), a_line("cup", 500, 1, product_id=CUP)

    both = price(a_cart(tea, cup, full_reductions=(rule,), coupon=coupon))
    alone = price(a_cart(tea, full_reductions=(rule,), coupon=coupon))

    assert [line.payable_fen for line in both.lines] == [400, 300]
    assert alone.payable_fen == 400
    assert alone.rejected == (Rejection(StepCode.COUPON, str(coupon.id), RejectionCode.NOT_STACKABLE),)


def test_a_coupon_out_of_scope_is_told_and_takes_nothing() -> None:
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=200, scope=TEA_ONLY)
    quote = price(a_cart(a_line("cup", 500, 1), coupon=coupon))
    assert quote.payable_fen == 500
    assert quote.rejected == (Rejection(StepCode.COUPON, str(coupon.id), RejectionCode.OUT_OF_SCOPE),)


def test_a_coupon_below_its_threshold_tells_what_is_missing() -> None:
    rule = a_full_reduction(Tier(reduction_fen=100, threshold_fen=1))
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=200, threshold_fen=500)
    quote = price(a_cart(a_line("a", 500, 1), full_reductions=(rule,), coupon=coupon))
    assert quote.payable_fen == 400
    assert quote.rejected == (
        Rejection(StepCode.COUPON, str(coupon.id), RejectionCode.BELOW_THRESHOLD, missing_fen=100),
    )


def test_a_coupon_for_goods_that_cost_nothing_is_kept() -> None:
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=200)
    quote = price(a_cart(a_line("gift", 0, 1), coupon=coupon))
    assert [refused.code for refused in quote.rejected] == [RejectionCode.NOTHING_TO_REDUCE]


def test_a_coupon_that_would_cost_free_freight_of_its_own_worth_is_kept() -> None:
    freight = FreightRule(fee_fen=800, free_from_fen=9_900)

    def quoted(coupon_fen: int) -> tuple[int, list[RejectionCode]]:
        coupon = a_coupon(CouponKind.AMOUNT, amount_fen=coupon_fen)
        quote = price(a_cart(a_line("a", 9_900, 1), coupon=coupon, freight=freight))
        return quote.payable_fen, [refused.code for refused in quote.rejected]

    assert quoted(800) == (9_900, [RejectionCode.COSTS_MORE_FREIGHT])
    assert quoted(801) == (9_899, [])


@pytest.mark.parametrize(("cap_fen", "freight_discount_fen"), [(None, 800), (500, 500), (900, 800)])
def test_a_freight_coupon_lowers_the_freight_alone(cap_fen: int | None, freight_discount_fen: int) -> None:
    coupon = a_coupon(CouponKind.FREIGHT, cap_fen=cap_fen, threshold_fen=500)
    freight = FreightRule(fee_fen=800, free_from_fen=None)
    quote = price(a_cart(a_line("a", 500, 1), coupon=coupon, freight=freight, points=some_points(100)))

    assert (quote.freight_fen, quote.freight_discount_fen) == (800, freight_discount_fen)
    assert quote.payable_fen == 400 + 800 - freight_discount_fen
    assert quote.coupon_discount_fen == 0
    assert (quote.explanation[-1].name, quote.explanation[-1].amount_fen) == ("运费券", -freight_discount_fen)


def test_a_freight_coupon_on_free_freight_is_kept() -> None:
    coupon = a_coupon(CouponKind.FREIGHT)
    quote = price(a_cart(a_line("a", 500, 1), coupon=coupon))
    assert quote.rejected == (
        Rejection(StepCode.FREIGHT_COUPON, str(coupon.id), RejectionCode.NOTHING_TO_REDUCE),
    )


def test_points_are_used_in_whole_steps_worth_whole_fen() -> None:
    wish = some_points(1_234, points_per_yuan=150, step_points=10)
    quote = price(a_cart(a_line("a", 5_000, 1), points=wish))
    assert (quote.points_used, quote.points_discount_fen) == (1_230, 820)
    assert quote.rejected == (Rejection(StepCode.POINTS, "", RejectionCode.NOT_A_MULTIPLE, refused_points=4),)


def test_points_pay_at_most_their_part_of_the_goods_and_no_freight() -> None:
    freight = FreightRule(fee_fen=1_000, free_from_fen=None)
    wish = some_points(10_000, max_ratio_bp=5_000)
    quote = price(a_cart(a_line("a", 999, 1), points=wish, freight=freight))
    assert (quote.points_used, quote.payable_fen) == (499, 1_500)
    assert quote.rejected == (
        Rejection(StepCode.POINTS, "", RejectionCode.EXCEEDS_CAP, refused_points=9_501),
    )
