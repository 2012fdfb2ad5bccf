"""Definitions as data: metrics, funnels and periods."""

from datetime import UTC, date, datetime

from hypothesis import given, strategies as st

from services.analytics.funnels.domain import CART, DEFAULT, PAY, VIEW, compare, drop_off
from services.analytics.metrics.definitions import METRICS, values_of
from services.analytics.periods import Period

COUNTED = {metric.name for metric in METRICS if metric.over is None}


def test_every_metric_has_a_name_of_its_own_and_stands_over_counted_ones() -> None:
    assert (
        len({metric.name for metric in METRICS}) == len({metric.title for metric in METRICS}) == len(METRICS)
    )
    for metric in METRICS:
        assert metric.over is None or set(metric.over) <= COUNTED
        assert (metric.unit == "fen") == metric.name.endswith("_fen")


def test_values_follow_their_formulas() -> None:
    values, immature = values_of(
        {"pv": 8, "uv": 4, "paying_visitors": 1, "gmv_fen": 1000, "refund_fen": 300, "paying_members": 3}
    )
    named = (
        "pv_uv",
        "uv_pv",
        "pay_conversion",
        "customer_price_fen",
        "net_gmv_fen",
        "net_uv_value_fen",
        "depth",
    )
    assert [values[name] for name in named] == [2.0, 0.5, 0.25, 1000 / 3, 700, 175.0, None]
    assert immature == []


def test_an_undecided_order_makes_pay_success_immature() -> None:
    counted = {"orders_created": 4, "orders_created_paid": 3}
    assert values_of(counted)[0]["pay_success"] == 0.75
    values, immature = values_of(counted | {"orders_undecided": 1})
    assert (values["pay_success"], immature) == (None, ["pay_success"])


@given(st.lists(st.integers(0, 100), min_size=3, max_size=3).map(lambda counts: sorted(counts, reverse=True)))
def test_a_funnels_rates_multiply_to_the_whole(actors: list[int]) -> None:
    steps = compare(DEFAULT, actors)
    assert [step.actors for step in steps] == actors
    whole = 1.0
    for step in steps:
        if step.step_rate is None or step.total_rate is None:
            break
        whole *= step.step_rate
        assert abs(whole - step.total_rate) < 1e-9
        assert step.step_rate <= 1


def test_the_drop_off_is_the_step_that_loses_most_and_the_first_of_equals() -> None:
    assert drop_off(compare(DEFAULT, [10, 5, 1])) == PAY
    assert drop_off(compare(DEFAULT, [10, 1, 1])) == CART
    assert drop_off(compare(DEFAULT, [8, 4, 2])) == CART
    assert drop_off(compare(DEFAULT, [8, 0, 0])) == CART
    assert drop_off(compare(DEFAULT, [0, 0, 0])) is None
    assert compare(DEFAULT, [0, 0, 0])[0].step == VIEW


def test_a_period_is_shop_days_and_provisional_until_two_in_the_next_night() -> None:
    period = Period(date(2030, 1, 4), date(2030, 1, 5))
    assert (period.start, period.end) == (
        datetime(2030, 1, 3, 16, tzinfo=UTC),
        datetime(2030, 1, 5, 16, tzinfo=UTC),
    )
    assert period.days == [date(2030, 1, 4), date(2030, 1, 5)]
    assert period.is_provisional(datetime(2030, 1, 5, 17, 59, 59, tzinfo=UTC))
    assert not period.is_provisional(datetime(2030, 1, 5, 18, tzinfo=UTC))
