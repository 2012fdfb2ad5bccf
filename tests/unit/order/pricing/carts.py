"""Builders of carts and offers, and strategies that draw any of them."""

from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st

from services.order.pricing import (
    ENGINE_VERSION,
    Coupon,
    CouponKind,
    FreightRule,
    FullReduction,
    Line,
    MemberStanding,
    PointsWish,
    PriceRequest,
    Scope,
    ScopeKind,
    Tier,
)

EVERYTHING = Scope(ScopeKind.ALL)
NO_FREIGHT = FreightRule(fee_fen=0, free_from_fen=None)


def a_line(line_key: str, unit_price_fen: int, quantity: int, **values: Any) -> Line:
    identity: dict[str, Any] = {"sku_id": uuid4(), "product_id": uuid4(), "category_ids": ()}
    return Line(line_key=line_key, unit_price_fen=unit_price_fen, quantity=quantity, **(identity | values))


def a_cart(*lines: Line, **values: Any) -> PriceRequest:
    return PriceRequest(
        engine_version=ENGINE_VERSION, lines=lines, **({"freight": NO_FREIGHT, "member": None} | values)
    )


def a_member(discount_bp: int) -> MemberStanding:
    return MemberStanding(level_code="gold", level_name="黄金会员", discount_bp=discount_bp)


def a_full_reduction(*tiers: Tier, scope: Scope = EVERYTHING, rule_id: UUID | None = None) -> FullReduction:
    return FullReduction(id=rule_id or uuid4(), name="满减", scope=scope, tiers=tiers)


def a_coupon(kind: CouponKind, **values: Any) -> Coupon:
    defaults: dict[str, Any] = {
        "id": uuid4(),
        "template_id": uuid4(),
        "name": "新人券",
        "scope": EVERYTHING,
        "threshold_fen": 0,
        "stackable_with_full_reduction": True,
    }
    return Coupon(kind=kind, **(defaults | values))


def some_points(requested_points: int, **values: Any) -> PointsWish:
    defaults = {"points_per_yuan": 100, "max_ratio_bp": 10_000, "step_points": 1}
    return PointsWish(requested_points=requested_points, **(defaults | values))


PRODUCTS = [UUID(int=number) for number in range(1, 5)]
CATEGORIES = [UUID(int=number) for number in range(11, 14)]

small_fen = st.integers(0, 300)
any_fen = st.one_of(small_fen, st.integers(0, 200_000))

scopes = st.one_of(
    st.just(EVERYTHING),
    st.lists(st.sampled_from(PRODUCTS), min_size=1).map(lambda ids: Scope(ScopeKind.PRODUCTS, tuple(ids))),
    st.lists(st.sampled_from(CATEGORIES), min_size=1).map(
        lambda ids: Scope(ScopeKind.CATEGORIES, tuple(ids))
    ),
)

tiers = st.one_of(
    st.builds(Tier, reduction_fen=any_fen.map(lambda fen: fen + 1), threshold_fen=st.integers(1, 100_000)),
    st.builds(Tier, reduction_fen=any_fen.map(lambda fen: fen + 1), threshold_quantity=st.integers(1, 30)),
)

full_reductions = st.lists(
    st.builds(
        FullReduction,
        id=st.uuids(),
        name=st.just("满减"),
        scope=scopes,
        tiers=st.lists(tiers, min_size=1, max_size=3).map(tuple),
    ),
    max_size=3,
    unique_by=lambda rule: rule.id,
).map(tuple)

caps = st.none() | st.integers(1, 5_000)
terms = st.one_of(
    st.fixed_dictionaries({"kind": st.just(CouponKind.AMOUNT), "amount_fen": st.integers(1, 50_000)}),
    st.fixed_dictionaries(
        {"kind": st.just(CouponKind.PERCENT), "discount_bp": st.integers(1, 9_999), "cap_fen": caps}
    ),
    st.fixed_dictionaries({"kind": st.just(CouponKind.FREIGHT), "cap_fen": caps}),
)


@st.composite
def coupons(draw: st.DrawFn) -> Coupon:
    return a_coupon(
        **draw(terms),
        id=draw(st.uuids()),
        template_id=draw(st.uuids()),
        scope=draw(scopes),
        threshold_fen=draw(any_fen),
        stackable_with_full_reduction=draw(st.booleans()),
    )


points = st.builds(
    PointsWish,
    requested_points=st.integers(0, 300_000),
    points_per_yuan=st.sampled_from([1, 7, 10, 100, 150, 1000]),
    max_ratio_bp=st.integers(0, 10_000),
    step_points=st.sampled_from([1, 10, 100]),
)


@st.composite
def carts(draw: st.DrawFn) -> PriceRequest:
    keys = draw(st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=6, unique=True))
    lines = [
        Line(
            line_key=key,
            sku_id=UUID(int=100 + number),
            product_id=draw(st.sampled_from(PRODUCTS)),
            category_ids=tuple(draw(st.lists(st.sampled_from(CATEGORIES), max_size=2))),
            unit_price_fen=draw(any_fen),
            quantity=draw(st.one_of(st.integers(1, 9), st.integers(1, 9_999))),
        )
        for number, key in enumerate(keys)
    ]
    return a_cart(
        *lines,
        member=draw(st.none() | st.integers(0, 10_000).map(a_member)),
        full_reductions=draw(full_reductions),
        coupon=draw(st.none() | coupons()),
        points=draw(st.none() | points),
        freight=FreightRule(fee_fen=draw(any_fen), free_from_fen=draw(st.none() | any_fen)),
    )
