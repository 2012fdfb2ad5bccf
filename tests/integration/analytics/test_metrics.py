"""The shop's numbers, against their definitions in plain Python (AN-01 … AN-17)."""

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.analytics.metrics.definitions import METRICS
from shared.events import Event, OrderClosed, OrderRefunded
from shared.ids import new_id
from tests.integration.analytics.conftest import Analytics, at, behaviour, paid, placed
from tests.integration.analytics.oracle import Oracle, Seen, Trade

EVENTS = ("page_view", "page_view", "app_open", "product_view", "add_to_cart", "share")
STEPS = ("product_view", "add_to_cart", "order_paid")


@pytest.mark.parametrize("seed", range(4))
async def test_every_number_is_what_its_definition_says(analytics: Analytics, day: date, seed: int) -> None:
    """Shared devices and sessions, equal instants, repeats, late logins, and all of it out of order."""
    random_ = random.Random(seed)
    members = [new_id() for _ in range(4)]
    devices = [new_id() for _ in range(5)]
    sessions: list[UUID | None] = [*(new_id() for _ in range(8)), None, None]
    first, last = at(day - timedelta(days=2)), at(day + timedelta(days=1))
    minutes = int((last - first) / timedelta(minutes=1))
    seen: list[Seen] = []
    sent: defaultdict[UUID | None, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(300):
        ts = first + timedelta(minutes=random_.randrange(0, minutes, 10))
        member_id = random_.choice([*members, None, None, None, None, None, None])
        event = Seen(
            new_id(),
            random_.choice(EVENTS),
            ts,
            random_.randrange(3),
            random_.choice(devices),
            random_.choice(sessions),
            member_id,
        )
        seen.append(event)
        sent[member_id].append(
            behaviour(
                event.event,
                ts,
                event_id=event.event_id,
                anon_id=event.anon_id,
                session_id=event.session_id,
                seq=event.seq,
            )
        )
    trades, announced = _trades(random_, members, at(day - timedelta(days=2)), minutes)
    analytics.clock.set(last)
    for member_id, events in sent.items():
        repeated = [*events, *random_.sample(events, len(events) // 10)]
        await analytics.send(*random_.sample(repeated, len(repeated)), member_id=member_id)
    random_.shuffle(announced)
    ids = await analytics.announce(*announced)
    await analytics.announce(*announced, ids=ids)

    served = [
        Seen(new_id(), name, at_, 0, None, None, trade.member_id)
        for trade in trades
        for name, at_ in (("order_created", trade.placed_at), ("order_paid", trade.paid_at))
        if at_ is not None
    ]
    oracle = Oracle([*seen, *served], trades)
    days = [day - timedelta(days=2), day - timedelta(days=1), day]
    daily = await analytics.ask("/operator/metrics/daily", days[0], days[-1])
    assert [each["day_on"] for each in daily["days"]] == [str(each) for each in days]
    for each, its_day in zip(daily["days"], days, strict=True):
        assert each["values"] == oracle.values({its_day})
    assert await analytics.summary(days[0], days[-1]) == oracle.values(set(days))
    funnel = await analytics.ask("/operator/funnels/default", days[0], days[1])
    window = timedelta(hours=24)
    reached = oracle.funnel(STEPS, window, {days[0], days[1]})
    assert [step["actors"] for step in funnel["funnel"]["steps"]] == reached
    directly = oracle.funnel((STEPS[0], STEPS[2]), window, {days[0], days[1]})
    assert [step["actors"] for step in funnel["without_cart"]["steps"]] == directly


def _trades(
    random_: random.Random, members: list[UUID], first: Any, minutes: int
) -> tuple[list[Trade], list[Event]]:
    trades: list[Trade] = []
    announced: list[Event] = []
    for number in range(30):
        order = placed(
            random_.choice(members),
            first + timedelta(minutes=random_.randrange(0, minutes - 600, 10)),
            random_.randrange(0, 50_000),
        )
        later = order.placed_at + timedelta(minutes=random_.randrange(0, 500, 10))
        announced.append(order)
        if number % 3 == 0:
            announced.append(_closed(order, later))
            trades.append(Trade(order.member_id, order.payable_fen, order.placed_at, closed_at=later))
            continue
        announced.append(paid(order, later))
        refund_fen = order.payable_fen // 2 if number % 5 == 0 else 0
        refunded_at = later + timedelta(minutes=90) if refund_fen else None
        if refunded_at:
            announced.append(_refunded(order, later, refund_fen, refunded_at))
        trades.append(
            Trade(
                order.member_id,
                order.payable_fen,
                order.placed_at,
                paid_at=later,
                refund_fen=refund_fen,
                refunded_at=refunded_at,
            )
        )
    return trades, announced


def _closed(order: Any, closed_at: Any) -> OrderClosed:
    return OrderClosed(**order.model_dump(), reason="timeout", closed_at=closed_at)


def _refunded(order: Any, paid_at: Any, refund_fen: int, refunded_at: Any) -> OrderRefunded:
    return OrderRefunded(
        order_id=order.order_id,
        order_number=order.order_number,
        refund_id=new_id(),
        member_id=order.member_id,
        lines=[],
        freight_fen=0,
        refund_fen=refund_fen,
        points_returned=0,
        is_full=False,
        coupon_id=None,
        paid_at=paid_at,
        refunded_at=refunded_at,
    )


async def test_people_are_distinct_over_a_period_and_not_summed_over_its_days(
    analytics: Analytics, day: date
) -> None:
    visitor = new_id()
    for ago in (2, 1, 0):
        await analytics.send(behaviour("page_view", at(day - timedelta(days=ago), 1), anon_id=visitor))
    summary = await analytics.summary(day - timedelta(days=2), day)
    assert (summary["pv"], summary["uv"], summary["new_uv"]) == (3, 1, 1)


async def test_a_question_sees_what_was_sent_the_moment_before(analytics: Analytics, day: date) -> None:
    for pv in (1, 2, 3):
        await analytics.send(behaviour("page_view", at(day, 11)))
        assert (await analytics.summary(day))["pv"] == pv
    member = new_id()
    order = placed(member, at(day, 9), 1999)
    await analytics.announce(order, paid(order, at(day, 10)))
    assert (await analytics.summary(day))["gmv_fen"] == 1999


async def test_a_later_login_corrects_history(analytics: Analytics, day: date) -> None:
    member, phone, tablet = new_id(), new_id(), new_id()
    await analytics.send(
        behaviour("page_view", at(day, 8), anon_id=phone), behaviour("page_view", at(day, 9), anon_id=tablet)
    )
    assert (await analytics.summary(day))["uv"] == 2
    await analytics.send(
        behaviour("page_view", at(day, 10), anon_id=phone),
        behaviour("page_view", at(day, 11), anon_id=tablet),
        member_id=member,
    )
    assert (await analytics.summary(day))["uv"] == 1


async def test_a_session_id_used_by_two_people_is_two_sessions(analytics: Analytics, day: date) -> None:
    session = new_id()
    for member in (new_id(), new_id()):
        await analytics.send(
            behaviour("page_view", at(day, 8), session_id=session),
            behaviour("page_view", at(day, 9), session_id=session),
            member_id=member,
        )
    assert (await analytics.summary(day))["sessions"] == 2


async def test_a_session_belongs_to_the_day_it_began_and_midnight_does_not_cut_it(
    analytics: Analytics, day: date
) -> None:
    session, visitor, quiet = new_id(), new_id(), new_id()
    for hours in (-0.2, 0.2):
        await analytics.send(
            behaviour("page_view", at(day, hours), anon_id=visitor, session_id=session),
            behaviour("page_view", at(day, hours), anon_id=quiet, session_id=None),
        )
    exactly, over = at(day, 0.2) + timedelta(minutes=30), at(day, 0.2) + timedelta(minutes=60, milliseconds=1)
    await analytics.send(
        *(behaviour("page_view", ts, anon_id=quiet, session_id=None) for ts in (exactly, over))
    )
    assert (await analytics.summary(day - timedelta(days=1)))["sessions"] == 2
    assert (await analytics.summary(day))["sessions"] == 1


async def test_a_rate_counts_only_people_of_its_denominator(analytics: Analytics, day: date) -> None:
    shopper, caller = new_id(), new_id()
    await analytics.send(behaviour("page_view", at(day, 9)), member_id=shopper)
    for member in (shopper, caller):
        order = placed(member, at(day, 9))
        await analytics.announce(order, paid(order, at(day, 10)))
    summary = await analytics.summary(day)
    assert (summary["paying_members"], summary["pay_conversion"], summary["order_rate"]) == (2, 1.0, 1.0)
    assert summary["cart_rate"] is None


async def test_pay_success_waits_for_every_order_of_its_days(analytics: Analytics, day: date) -> None:
    orders = [placed(new_id(), at(day, 9)) for _ in range(4)]
    await analytics.announce(*orders, *(paid(order, at(day, 10)) for order in orders[:3]))
    asked = await analytics.ask("/operator/metrics/daily", day, day)
    assert (asked["days"][0]["values"]["pay_success"], asked["days"][0]["immature"]) == (
        None,
        ["pay_success"],
    )
    await analytics.announce(_closed(orders[3], at(day, 11)))
    asked = await analytics.ask("/operator/metrics/daily", day, day)
    assert (asked["days"][0]["values"]["pay_success"], asked["days"][0]["immature"]) == (0.75, [])


async def test_a_refund_counts_on_its_own_day_and_changes_no_earlier_one(
    analytics: Analytics, day: date
) -> None:
    order = placed(new_id(), at(day, 8), 10_000)
    await analytics.announce(order, paid(order, at(day, 9)))
    next_day = day + timedelta(days=1)
    analytics.clock.advance(timedelta(days=1))
    await analytics.announce(_refunded(order, at(day, 9), 4_000, at(next_day, 9)))
    before, after = await analytics.summary(day), await analytics.summary(next_day)
    assert (before["gmv_fen"], before["refund_fen"], before["net_gmv_fen"]) == (10_000, 0, 10_000)
    assert (after["gmv_fen"], after["refund_fen"], after["net_gmv_fen"]) == (0, 4_000, -4_000)


async def test_a_day_is_provisional_until_two_in_the_next_night(analytics: Analytics, day: date) -> None:
    async def is_provisional() -> tuple[bool, bool]:
        daily = await analytics.ask("/operator/metrics/daily", day, day)
        summary = await analytics.ask("/operator/metrics/summary", day - timedelta(days=3), day)
        return daily["days"][0]["is_provisional"], summary["is_provisional"]

    analytics.clock.set(at(day, 26) - timedelta(milliseconds=1))
    assert await is_provisional() == (True, True)
    analytics.clock.set(at(day, 26))
    assert await is_provisional() == (False, False)


async def test_an_empty_day_has_zeros_and_nothing_divided_by_them(analytics: Analytics, day: date) -> None:
    summary = await analytics.summary(day - timedelta(days=9))
    for metric in METRICS:
        assert summary[metric.name] == (0 if metric.over is None else None)


async def test_each_number_comes_with_its_chinese_name_and_formula(analytics: Analytics, day: date) -> None:
    asked = await analytics.ask("/operator/metrics/summary", day, day)
    named = {metric["name"]: metric for metric in asked["metrics"]}
    assert list(named) == list(asked["values"])
    assert named["customer_price_fen"] == {
        "name": "customer_price_fen",
        "title": "客单价",
        "unit": "fen",
        "formula": "gmv_fen ÷ paying_members (AN-11)",
    }


@pytest.mark.parametrize(
    "query", ["", "?from=2030-01-02&to=2030-01-01", "?from=2030-01-01&to=2031-01-02", "?from=x&to=y"]
)
@pytest.mark.parametrize(
    "path", ["/operator/metrics/daily", "/operator/metrics/summary", "/operator/funnels/default"]
)
async def test_a_period_that_is_none_is_refused(analytics: Analytics, path: str, query: str) -> None:
    answer = await analytics.shop.as_operator("owner").get("analytics", path + query)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "path", ["/operator/metrics/daily", "/operator/metrics/summary", "/operator/funnels/default"]
)
async def test_numbers_are_for_operators(analytics: Analytics, day: date, path: str) -> None:
    asked = f"{path}?from={day}&to={day}"
    for role, status in (("auditor", 200), ("operations", 200), ("owner", 200), ("service_desk", 403)):
        assert (await analytics.shop.as_operator(role).get("analytics", asked)).status_code == status
    assert (await analytics.shop.as_member().get("analytics", asked)).status_code == 401
    assert (await analytics.shop.as_anonymous().get("analytics", asked)).status_code == 401
