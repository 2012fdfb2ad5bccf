"""The pay funnel (AN-20), on small cases and on a real shop's events."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.analytics.collect.usecases import collect
from shared.database import begin
from shared.ids import new_id
from tests.integration.analytics.conftest import Analytics, at, behaviour, paid, placed

REES46 = Path(__file__).parents[2] / "data/rees46-events/events.csv.gz"


async def funnel(analytics: Analytics, day: date) -> list[int]:
    asked = await analytics.ask("/operator/funnels/default", day, day)
    return [step["actors"] for step in asked["funnel"]["steps"]]


async def test_a_step_exactly_at_the_windows_end_is_inside(analytics: Analytics, day: date) -> None:
    analytics.clock.set(at(day, 40))
    for late_by in (timedelta(), timedelta(milliseconds=1)):
        member = new_id()
        await analytics.send(
            behaviour("product_view", at(day, 9)), behaviour("add_to_cart", at(day, 10)), member_id=member
        )
        order = placed(member, at(day, 11))
        await analytics.announce(order, paid(order, at(day, 33) + late_by))
    assert await funnel(analytics, day) == [2, 2, 1]


async def test_any_chain_of_an_actor_counts_and_not_only_the_first(analytics: Analytics, day: date) -> None:
    analytics.clock.set(at(day, 50))
    member = new_id()
    views = [behaviour("product_view", at(day, hours)) for hours in (1, 20)]
    await analytics.send(*views, behaviour("add_to_cart", at(day, 21)), member_id=member)
    order = placed(member, at(day, 22))
    await analytics.announce(order, paid(order, at(day, 43)))
    assert await funnel(analytics, day) == [1, 1, 1]


async def test_a_chain_begins_within_the_days_asked_for(analytics: Analytics, day: date) -> None:
    analytics.clock.set(at(day, 30))
    for hours in (-0.001, 0, 23.999, 24):
        member = new_id()
        await analytics.send(
            behaviour("product_view", at(day, hours)),
            behaviour("add_to_cart", at(day, hours + 1)),
            member_id=member,
        )
    assert await funnel(analytics, day) == [2, 2, 0]


async def test_rates_wait_until_every_window_has_ended(analytics: Analytics, day: date) -> None:
    member = new_id()
    await analytics.send(behaviour("product_view", at(day, 9)), member_id=member)
    analytics.clock.set(at(day, 48) - timedelta(milliseconds=1))
    asked = await analytics.ask("/operator/funnels/default", day, day)
    assert asked["is_immature"]
    assert [step["step_rate"] for step in asked["funnel"]["steps"]] == [None, None, None]
    assert asked["funnel"]["drop_off_event"] is None
    analytics.clock.set(at(day, 48))
    asked = await analytics.ask("/operator/funnels/default", day, day)
    assert not asked["is_immature"]
    assert [step["step_rate"] for step in asked["funnel"]["steps"]] == [1.0, 0.0, None]
    assert [step["total_rate"] for step in asked["funnel"]["steps"]] == [1.0, 0.0, 0.0]
    assert asked["funnel"]["drop_off_event"] == "add_to_cart"


async def test_a_real_shops_events_give_their_published_numbers(analytics: Analytics) -> None:
    """rees46: 17,429 of 17,434 events kept; 192 users view and pay, 62 with the cart in between."""
    analytics.clock.set(datetime(2019, 10, 1, 3, tzinfo=UTC))
    with gzip.open(REES46, "rt") as file:
        rows = list(csv.DictReader(file))
    events = [row for row in rows if row["event_type"] != "purchase"]
    buyers = {row["user_id"] for row in rows if row["event_type"] == "purchase"}
    outcomes: list[str] = []
    for buyer in (None, *buyers):
        own = [row for row in events if (row["user_id"] if row["user_id"] in buyers else None) == buyer]
        sent = analytics.batch(*map(_client_event, own))["events"]
        async with begin(analytics.resources.engine) as work:
            results = await collect(
                work, sent, member_id=_user(buyer) if buyer else None, received_at=analytics.clock.now()
            )
        outcomes += [result.outcome for result in results]
    purchases: defaultdict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["event_type"] == "purchase":
            purchases[row["user_id"], row["user_session"]].append(row)
    assert outcomes.count("accepted") + sum(map(len, purchases.values())) == 17_429
    assert outcomes.count("duplicate") == 5
    await analytics.announce(*(_order(*key, lines) for key, lines in purchases.items()))

    the_day = date(2019, 10, 1)
    asked = await analytics.ask("/operator/funnels/default", the_day, the_day)
    assert [step["actors"] for step in asked["without_cart"]["steps"]] == [4_504, 192]
    assert [step["actors"] for step in asked["funnel"]["steps"]] == [4_504, 111, 62]
    values = await analytics.summary(the_day)
    assert (values["viewers"], values["new_uv"]) == (4_504, 4_504)
    assert values["sessions"] == len({(row["user_id"], row["user_session"]) for row in events}) == 5_067
    assert (values["orders_paid"], values["gmv_fen"]) == (200, 5_944_263)
    assert values["paying_members"] == len({user for user, _ in purchases})


def _user(user_id: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"rees46/{user_id}")


def _client_event(row: dict[str, str]) -> dict[str, Any]:
    """A view or cart event; every user has one device, and repeated rows get the same id."""
    return behaviour(
        {"view": "product_view", "cart": "add_to_cart"}[row["event_type"]],
        _time(row),
        event_id=uuid5(NAMESPACE_URL, "/".join(row.values())),
        anon_id=uuid5(NAMESPACE_URL, f"rees46/device/{row['user_id']}"),
        session_id=UUID(row["user_session"]),
    )


def _order(user_id: str, session: str, lines: list[dict[str, str]]) -> Any:
    """The order of a session's purchases, by the price paid."""
    payable_fen = sum(round(float(row["price"]) * 100) for row in lines)
    order = placed(_user(user_id), max(map(_time, lines)), payable_fen, uuid5(NAMESPACE_URL, session))
    return paid(order, order.placed_at)


def _time(row: dict[str, str]) -> datetime:
    return datetime.strptime(row["event_time"], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
