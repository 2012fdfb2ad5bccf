"""Hostile values are refused, stored ones read back strictly, and changed prices noticed (section 4.F, 4.A)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.order.pricing import (
    CouponKind,
    FreightRule,
    InvalidPriceRequest,
    MemberStanding,
    PriceRequest,
    Scope,
    ScopeKind,
    Tier,
    dump,
    fingerprint,
    load_quote,
    load_request,
    price,
)
from shared.money import MAX_ORDER_FEN
from tests.unit.order.pricing.carts import (
    a_cart,
    a_coupon,
    a_full_reduction,
    a_line,
    a_member,
    some_points,
)

NOT_WHOLE: list[Any] = [True, False, 1.0, 1.5, "1", "１", None, float("nan"), float("inf")]


@pytest.mark.parametrize("quantity", [0, -1, 10_000, 2**63, *NOT_WHOLE])
def test_a_hostile_quantity_is_refused(quantity: Any) -> None:
    with pytest.raises(InvalidPriceRequest):
        a_line("a", 100, quantity)


@pytest.mark.parametrize("unit_price_fen", [-1, MAX_ORDER_FEN + 1, *NOT_WHOLE])
def test_a_hostile_price_is_refused(unit_price_fen: Any) -> None:
    with pytest.raises(InvalidPriceRequest):
        a_line("a", unit_price_fen, 1)


RULE = a_full_reduction(Tier(reduction_fen=1, threshold_fen=1))
REFUSED: dict[str, Callable[[], object]] = {
    "an empty cart": a_cart,
    "one key twice": lambda: a_cart(a_line("a", 1, 1), a_line("a", 1, 1)),
    "more than an order may cost": lambda: a_cart(a_line("a", MAX_ORDER_FEN // 2 + 1, 2)),
    "more than an order may cost with freight": lambda: a_cart(
        a_line("a", MAX_ORDER_FEN, 1), freight=FreightRule(1, None)
    ),
    "a surcharge for members": lambda: a_member(10_001),
    "a negative rate": lambda: a_member(-1),
    "a rate that is not whole": lambda: MemberStanding("gold", "金", 95.0),  # type: ignore[arg-type]
    "negative freight": lambda: FreightRule(-1, None),
    "negative free freight": lambda: FreightRule(1, -1),
    "negative points": lambda: some_points(-1),
    "too many points": lambda: some_points(10**12 + 1),
    "points for nothing": lambda: some_points(1, points_per_yuan=0),
    "more points than the goods": lambda: some_points(1, max_ratio_bp=10_001),
    "no step": lambda: some_points(1, step_points=0),
    "a tier without threshold": lambda: Tier(reduction_fen=1),
    "a tier without reduction": lambda: Tier(reduction_fen=0, threshold_fen=1),
    "a rule without tiers": a_full_reduction,
    "a rule twice": lambda: a_cart(a_line("a", 1, 1), full_reductions=(RULE, RULE)),
    "a scope without ids": lambda: Scope(ScopeKind.PRODUCTS),
    "a coupon of nothing": lambda: a_coupon(CouponKind.AMOUNT),
    "a negative coupon": lambda: a_coupon(CouponKind.AMOUNT, amount_fen=-5),
    "an amount coupon with a rate": lambda: a_coupon(CouponKind.AMOUNT, amount_fen=1, discount_bp=9_000),
    "an amount coupon with a cap": lambda: a_coupon(CouponKind.AMOUNT, amount_fen=1, cap_fen=1),
    "a percent coupon of 100 %": lambda: a_coupon(CouponKind.PERCENT, discount_bp=10_000),
    "a percent coupon of 0 %": lambda: a_coupon(CouponKind.PERCENT, discount_bp=0),
    "a percent coupon with an amount": lambda: a_coupon(CouponKind.PERCENT, discount_bp=9_000, amount_fen=1),
    "a negative cap": lambda: a_coupon(CouponKind.FREIGHT, cap_fen=-1),
    "a negative threshold": lambda: a_coupon(CouponKind.FREIGHT, threshold_fen=-1),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED.keys())
def test_a_request_without_sense_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(InvalidPriceRequest):
        build()


def test_the_dearest_order_is_priced() -> None:
    assert price(a_cart(a_line("a", MAX_ORDER_FEN, 1))).payable_fen == MAX_ORDER_FEN


def test_an_unknown_engine_version_is_refused() -> None:
    with pytest.raises(InvalidPriceRequest, match="no price chain 2"):
        price(replace(a_cart(a_line("a", 1, 1)), engine_version=2))


def a_stored_cart() -> dict[str, Any]:
    return dump(a_cart(a_line("a", 100, 2), coupon=a_coupon(CouponKind.AMOUNT, amount_fen=1)))


@pytest.mark.parametrize("quantity", [0, -1, 10_000, 2**63, 10**400, *NOT_WHOLE])
def test_a_stored_request_is_read_strictly(quantity: Any) -> None:
    stored = a_stored_cart()
    stored["lines"][0]["quantity"] = quantity
    with pytest.raises(InvalidPriceRequest):
        load_request(stored)


def test_an_unknown_field_is_refused_at_every_depth() -> None:
    for path in ((), ("lines", 0), ("coupon",), ("coupon", "scope")):
        stored = a_stored_cart()
        place: Any = stored
        for name in path:
            place = place[name]
        place["bargain"] = 1
        with pytest.raises(InvalidPriceRequest, match="bargain"):
            load_request(stored)
    stored = dump(price(a_cart(a_line("a", 100, 2))))
    stored["lines"][0]["bargain"] = 1
    with pytest.raises(InvalidPriceRequest, match="bargain"):
        load_quote(stored)


def test_a_request_without_its_engine_version_is_refused() -> None:
    stored = a_stored_cart()
    del stored["engine_version"]
    with pytest.raises(InvalidPriceRequest, match="engine_version"):
        load_request(stored)


CART = a_cart(a_line("a", 100, 2), a_line("b", 50, 1), coupon=a_coupon(CouponKind.AMOUNT, amount_fen=10))


def test_the_fingerprint_is_stable() -> None:
    assert fingerprint(price(CART)) == fingerprint(price(load_request(dump(CART))))


CHANGES: dict[str, PriceRequest] = {
    "price": replace(CART, lines=(replace(CART.lines[0], unit_price_fen=101), CART.lines[1])),
    "quantity": replace(CART, lines=(replace(CART.lines[0], unit_price_fen=200, quantity=1), CART.lines[1])),
    "goods": replace(CART, lines=(replace(CART.lines[0], sku_id=CART.lines[1].sku_id), CART.lines[1])),
    "coupon": replace(CART, coupon=a_coupon(CouponKind.AMOUNT, amount_fen=10)),
    "freight": replace(CART, freight=FreightRule(1, None)),
    "points": replace(CART, points=some_points(1)),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_the_fingerprint_notices_a_change(changed: PriceRequest) -> None:
    assert fingerprint(price(changed)) != fingerprint(price(CART))


def test_the_fingerprint_notices_more_points_for_the_same_money() -> None:
    dearer = replace(CART, points=some_points(200, points_per_yuan=200))
    cheaper = replace(CART, points=some_points(100))
    assert price(dearer).payable_fen == price(cheaper).payable_fen
    assert fingerprint(price(dearer)) != fingerprint(price(cheaper))


def test_the_fingerprint_ignores_a_new_name() -> None:
    assert CART.coupon is not None
    renamed = replace(CART, coupon=replace(CART.coupon, name="周年券"))
    assert fingerprint(price(renamed)) == fingerprint(price(CART))
