"""The demo's weeks are plausible, and the same each time."""

import hashlib
import re
from collections import Counter
from datetime import UTC, date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from demo.catalogue import load
from demo.people import plan
from demo.shop import Shop
from demo.visits import Abandoned, Cancelled, Order, Paid, Visit

SEED, START, WEEKS = 20260101, date(2025, 12, 1), 4
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load()


@pytest.fixture(scope="module")
def visits(shop: Shop) -> list[Visit]:
    return list(plan(shop, seed=SEED, start=START, weeks=WEEKS))


@pytest.fixture(scope="module")
def orders(visits: list[Visit]) -> list[Order]:
    return [visit.order for visit in visits if visit.order]


def test_the_plan_of_a_seed_is_fixed(shop: Shop, visits: list[Visit]) -> None:
    digest = hashlib.sha256("\n".join(map(repr, visits)).encode()).hexdigest()
    assert digest == "89f18ea68b1e175b9a934bb99b7f8ae0a691da73944770326eaf068c2b939eb2"
    assert list(plan(shop, seed=SEED, start=START, weeks=WEEKS)) == visits


def test_another_seed_gives_another_plan(shop: Shop, visits: list[Visit]) -> None:
    assert list(plan(shop, seed=SEED + 1, start=START, weeks=WEEKS)) != visits


@pytest.mark.parametrize("seed", [SEED, 1, 2, 3])
def test_the_numbers_are_those_of_a_small_shop(shop: Shop, seed: int) -> None:
    visits = list(plan(shop, seed=seed, start=START, weeks=WEEKS))
    orders = [visit.order for visit in visits if visit.order]
    paid = sum(isinstance(order.outcome, Paid) for order in orders)
    views = sum(behaviour.action == "product_view" for visit in visits for behaviour in visit.behaviours)
    assert len(visits) == 500
    assert 120 <= len(orders) <= 200
    assert 0.03 <= paid / views <= 0.06


def test_more_people_come_week_by_week_and_many_buy_again(visits: list[Visit]) -> None:
    weeks = Counter((visit.at.astimezone(SHANGHAI).date() - START).days // 7 for visit in visits)
    assert weeks[3] > weeks[0] * 1.2
    paid = Counter(
        visit.shopper.key for visit in visits if visit.order and isinstance(visit.order.outcome, Paid)
    )
    assert 20 <= sum(times > 1 for times in paid.values()) < len(paid)


def test_evenings_are_busy_and_nights_are_not(visits: list[Visit]) -> None:
    hours = Counter(visit.at.astimezone(SHANGHAI).hour for visit in visits)
    assert sum(hours[hour] for hour in (20, 21, 22)) > 4 * sum(hours[hour] for hour in range(6))
    weekend = sum(visit.at.astimezone(SHANGHAI).weekday() >= 5 for visit in visits)
    assert weekend / 2 > (len(visits) - weekend) / 5


def test_visits_follow_each_other_within_the_weeks_asked_for(visits: list[Visit]) -> None:
    instants = [visit.at for visit in visits]
    assert instants == sorted(instants)
    assert all(at.utcoffset() == timedelta(0) for at in instants)
    days = [at.astimezone(SHANGHAI).date() for at in instants]
    assert min(days) >= START
    assert max(days) < START + timedelta(weeks=WEEKS)


def test_a_visit_goes_from_looking_to_the_till(visits: list[Visit]) -> None:
    for visit in visits:
        times = [behaviour.at for behaviour in visit.behaviours]
        assert times[0] == visit.at
        assert all(earlier < later for earlier, later in pairwise(times))
        if visit.order:
            assert visit.behaviours[-1].action == "checkout_start"
            assert visit.order.at > times[-1]
            in_cart = [(b.sku_code, b.quantity) for b in visit.behaviours if b.action == "add_to_cart"]
            assert in_cart == [(line.sku_code, line.quantity) for line in visit.order.lines]
            assert len({line.sku_code for line in visit.order.lines}) == len(visit.order.lines)
        else:
            assert "checkout_start" not in {behaviour.action for behaviour in visit.behaviours}


def test_only_goods_on_sale_are_looked_at_and_never_more_ordered_than_there_is(
    shop: Shop, visits: list[Visit], orders: list[Order]
) -> None:
    on_sale = {product.code for product in shop.products if product.status == "on_sale"}
    assert {b.product_code for visit in visits for b in visit.behaviours if b.product_code} <= on_sale
    stock = {sku.code: sku.stock for product in shop.products for sku in product.skus}
    ordered: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            ordered[line.sku_code] += line.quantity
    assert all(quantity <= stock[code] for code, quantity in ordered.items())


def test_no_more_is_ordered_than_there_is_even_in_a_rush(shop: Shop) -> None:
    stock = {sku.code: sku.stock for product in shop.products for sku in product.skus}
    ordered: Counter[str] = Counter()
    for visit in plan(shop, seed=7, start=START, weeks=2, visits_a_week=1500):
        for line in visit.order.lines if visit.order else ():
            ordered[line.sku_code] += line.quantity
    assert all(quantity <= stock[code] for code, quantity in ordered.items())
    assert any(quantity == stock[code] > 0 for code, quantity in ordered.items())


def test_orders_end_in_every_way(orders: list[Order]) -> None:
    outcomes = [order.outcome for order in orders]
    assert {type(outcome) for outcome in outcomes} == {Paid, Abandoned, Cancelled}
    paid = [(order, order.outcome) for order in orders if isinstance(order.outcome, Paid)]
    assert all(outcome.after_seconds < 15 * 60 for _, outcome in paid), (
        "paid before an order closes by itself"
    )
    refunds = [(order, outcome.refund) for order, outcome in paid if outcome.refund]
    assert refunds
    for order, refund in refunds:
        bought = {line.sku_code: line.quantity for line in order.lines}
        assert 1 <= refund.line.quantity <= bought[refund.line.sku_code]
    assert any(order.uses_coupon for order in orders)
    assert any(order.uses_points for order in orders)


def test_some_goods_are_far_more_popular_than_others(visits: list[Visit]) -> None:
    views = Counter(
        b.product_code for visit in visits for b in visit.behaviours if b.action == "product_view"
    )
    top = sum(count for _, count in views.most_common(12))
    assert 0.25 < top / views.total() < 0.7


def test_shoppers_have_names_of_their_own_and_numbers_nobody_has(shop: Shop) -> None:
    visits = list(plan(shop, seed=SEED, start=START, weeks=WEEKS, people=60, visits_a_week=400))
    shoppers = {visit.shopper.key: visit.shopper for visit in visits}
    assert len(shoppers) == 60
    assert len({shopper.nickname for shopper in shoppers.values()}) == 60
    phones = {shopper.address.phone for shopper in shoppers.values()}
    assert len(phones) == 60
    assert all(re.fullmatch(r"154\d{8}", phone) for phone in phones)
    assert all(visit.at.tzinfo is UTC for visit in visits)
