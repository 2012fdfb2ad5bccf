"""The whole chain, computed by hand."""

from uuid import UUID

import pytest

from services.order.pricing import (
    CouponKind,
    FreightRule,
    PriceRequest,
    Rejection,
    RejectionCode,
    Scope,
    ScopeKind,
    StepCode,
    Tier,
    price,
)
from tests.unit.order.pricing.carts import (
    a_cart,
    a_coupon,
    a_full_reduction,
    a_line,
    a_member,
    some_points,
)

TEA, NUTS = UUID(int=1), UUID(int=2)
TEA_ONLY = Scope(ScopeKind.CATEGORIES, (TEA,))
REDUCTION = a_full_reduction(
    Tier(reduction_fen=1_000, threshold_fen=10_000),
    Tier(reduction_fen=3_000, threshold_fen=20_000),
    scope=TEA_ONLY,
)
COUPON = a_coupon(CouponKind.PERCENT, discount_bp=9_000, cap_fen=800, threshold_fen=10_000)


def everything_on() -> PriceRequest:
    """List 3702 + 9999 + 350 fen; 95 % member price; 10 off 100 of tea; 90 % coupon up to 8; points up to 30 %."""
    return a_cart(
        a_line("a", 1_234, 3, category_ids=(TEA,)),
        a_line("b", 9_999, 1, category_ids=(TEA,)),
        a_line("c", 50, 7, category_ids=(NUTS,)),
        member=a_member(9_500),
        full_reductions=(REDUCTION,),
        coupon=COUPON,
        points=some_points(5_000, max_ratio_bp=3_000, step_points=100),
        freight=FreightRule(fee_fen=800, free_from_fen=12_400),
    )


def test_the_whole_chain_comes_to_the_fen_computed_by_hand() -> None:
    quote = price(everything_on())

    assert quote.goods_fen == 14_051
    assert quote.discount_fen_by_step == {
        StepCode.MEMBER_LEVEL: 700,
        StepCode.FULL_REDUCTION: 1_000,
        StepCode.COUPON: 800,
        StepCode.POINTS: 3_400,
    }
    assert quote.discount_fen == 5_900
    assert (quote.coupon_discount_fen, quote.points_discount_fen, quote.points_used) == (800, 3_400, 3_400)
    assert (quote.freight_fen, quote.freight_discount_fen) == (800, 0)
    assert quote.payable_fen == 8_951
    assert quote.rejected == (
        Rejection(StepCode.POINTS, "", RejectionCode.EXCEEDS_CAP, refused_points=1_600),
    )


def test_every_line_names_what_each_offer_took_off() -> None:
    a, b, c = price(everything_on()).lines

    assert [(line.list_fen, line.payable_fen, line.points_used) for line in (a, b, c)] == [
        (3_702, 2_142, 894),
        (9_999, 5_787, 2_414),
        (350, 222, 92),
    ]
    assert [taken.amount_fen for taken in a.discounts] == [186, 270, 210, 894]
    assert [taken.amount_fen for taken in b.discounts] == [500, 730, 568, 2_414]
    assert [(taken.step, taken.source_id, taken.source_name, taken.amount_fen) for taken in c.discounts] == [
        (StepCode.MEMBER_LEVEL, "gold", "黄金会员", 14),
        (StepCode.COUPON, str(COUPON.id), "新人券", 22),
        (StepCode.POINTS, "", "", 92),
    ]


def test_every_unit_carries_its_own_fen() -> None:
    nuts = price(everything_on()).lines[2]
    units = [nuts.unit(index) for index in range(7)]

    assert [unit.list_fen for unit in units] == [50] * 7
    assert [unit.payable_fen for unit in units] == [32, 32, 32, 32, 32, 31, 31]
    assert [unit.discounts[0].amount_fen for unit in units] == [2] * 7
    assert [unit.discounts[1].amount_fen for unit in units] == [3, 3, 3, 3, 3, 3, 4]
    assert [unit.discounts[2].amount_fen for unit in units] == [13, 13, 13, 13, 13, 14, 13]
    assert [unit.points_used for unit in units] == [13, 13, 13, 13, 13, 14, 13]
    for index in (-1, 7):
        with pytest.raises(IndexError):
            nuts.unit(index)


def test_the_explanation_shows_the_buyer_every_fen_in_order() -> None:
    explanation = price(everything_on()).explanation

    assert [(told.name, told.source_name, told.amount_fen) for told in explanation] == [
        ("商品金额", "", 14_051),
        ("会员折扣", "黄金会员", -700),
        ("满减", "满减", -1_000),
        ("优惠券", "新人券", -800),
        ("积分抵扣", "", -3_400),
        ("运费", "", 800),
    ]
    assert [(part.line_key, part.amount_fen) for part in explanation[2].lines] == [("a", -270), ("b", -730)]


def test_a_cart_without_offers_costs_its_list_price() -> None:
    quote = price(a_cart(a_line("a", 1_999, 2), freight=FreightRule(fee_fen=600, free_from_fen=None)))
    assert (quote.goods_fen, quote.freight_fen, quote.payable_fen) == (3_998, 600, 4_598)
    assert quote.discount_fen_by_step == {}
    assert quote.lines[0].discounts == ()


def test_the_member_price_rounds_half_a_fen_up_for_each_unit() -> None:
    quote = price(a_cart(a_line("a", 50, 7), member=a_member(9_500)))
    assert quote.payable_fen == 48 * 7


def test_free_freight_is_judged_after_the_coupon_and_before_points() -> None:
    def freight_fen(coupon_fen: int) -> int:
        coupon = a_coupon(CouponKind.AMOUNT, amount_fen=coupon_fen)
        rule = FreightRule(fee_fen=800, free_from_fen=9_000)
        return price(
            a_cart(a_line("a", 10_000, 1), coupon=coupon, points=some_points(5_000), freight=rule)
        ).freight_fen

    assert freight_fen(1_000) == 0
    assert freight_fen(1_001) == 800


def test_an_order_paid_wholly_by_points_costs_nothing() -> None:
    quote = price(a_cart(a_line("a", 333, 3), points=some_points(5_000)))
    assert (quote.payable_fen, quote.points_used, quote.points_discount_fen) == (0, 999, 999)


def test_an_order_of_one_fen_is_priced() -> None:
    quote = price(
        a_cart(a_line("a", 1, 1), a_line("b", 1, 1), coupon=a_coupon(CouponKind.AMOUNT, amount_fen=1))
    )
    assert quote.payable_fen == 1
    assert [line.payable_fen for line in quote.lines] == [0, 1]


def test_discounts_that_do_not_divide_lose_no_fen() -> None:
    lines = (a_line("a", 100, 1), a_line("b", 100, 1), a_line("c", 100, 1))
    quote = price(a_cart(*lines, coupon=a_coupon(CouponKind.AMOUNT, amount_fen=100)))
    assert [line.payable_fen for line in quote.lines] == [66, 67, 67]


def test_the_odd_fen_falls_by_line_key_wherever_the_line_stands() -> None:
    lines = (a_line("c", 100, 1), a_line("a", 100, 1), a_line("b", 100, 1))
    quote = price(a_cart(*lines, coupon=a_coupon(CouponKind.AMOUNT, amount_fen=100)))
    assert {line.line_key: line.payable_fen for line in quote.lines} == {"a": 66, "b": 67, "c": 67}
