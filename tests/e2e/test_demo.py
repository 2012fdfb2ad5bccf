"""The demo, in small: an empty shop is filled through its own use cases, and lives."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from demo.catalogue import load
from demo.client import Client, Refused
from demo.fill import fill, starts_at
from demo.people import plan
from demo.visits import Visit
from shared.clock import ManualClock, shop_day
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat, open_wechat

START = datetime(2026, 3, 1, 16, tzinfo=UTC)
WEEK = {"seed": 153, "weeks": 1, "people": 10, "visits_a_week": 28}
"""In this week orders are paid, cancelled and left unpaid, and one line is refunded."""


@dataclass(frozen=True)
class Filled:
    """A filled shop, what the filling said, the visits that ended in time, and who looks at the shop now."""

    shop: Shop
    wechat: WeChat
    said: list[str]
    outcome: str
    visits: list[Visit]
    anybody: Client
    owner: Client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Filled]:
    """A week of the demo in a shop, and a WeChat, of its own."""
    clock = ManualClock(START)
    until = START + timedelta(weeks=1)
    visits = [
        visit
        for visit in plan(load(), start=shop_day(START), **WEEK)
        if (visit.order.at if visit.order else visit.behaviours[-1].at) < until
    ]
    async with (
        open_wechat(tmp_path_factory.mktemp("demo-wechat")) as wechat,
        open_shop(wechat, clock=clock) as shop,
        shop.browser() as browser,
    ):
        password = (shop.folder / "secrets" / "gateway_owner_password").read_text()
        said: list[str] = []
        outcome = await fill(
            shop.platform,
            clock,
            simulator_url=wechat.url,
            owner_password=password,
            show=said.append,
            **WEEK,
        )
        owner = Client(browser)
        login = {"username": "owner", "password": password}
        owner.token = (await owner.post("/operator/auth/login", login))["token"]
        yield Filled(shop, wechat, said, outcome, visits, Client(browser), owner)


def test_the_weeks_begin_with_the_shop_day_four_weeks_ago() -> None:
    assert starts_at(datetime(2026, 3, 29, 16, 0, tzinfo=UTC)) == START
    assert starts_at(datetime(2026, 3, 30, 15, 59, tzinfo=UTC)) == START
    assert starts_at(datetime(2026, 3, 30, 16, 0, tzinfo=UTC)) == START + timedelta(days=1)


async def test_everybody_who_was_to_come_came_and_ordered(filled: Filled) -> None:
    members = {visit.shopper.key for visit in filled.visits}
    orders = [visit.order for visit in filled.visits if visit.order]
    assert filled.outcome == f"128 products, {len(members)} members, {len(orders)} orders of 1 weeks"
    assert filled.said[-1] == f"2026-03-08: {len(orders)} orders of {len(members)} members"
    found = (await filled.owner.get("/operator/members", limit=100))["items"]
    assert {member["nickname"] for member in found} == {visit.shopper.nickname for visit in filled.visits}
    placed = (await filled.owner.get("/operator/orders", limit=100))["items"]
    planned = Counter(
        tuple(sorted((line.sku_code, line.quantity) for line in order.lines)) for order in orders
    )
    bought = Counter(
        tuple(sorted((line["sku_code"], line["quantity"]) for line in order["lines"])) for order in placed
    )
    assert bought == planned


async def test_orders_stand_where_the_week_left_them(filled: Filled) -> None:
    placed = (await filled.owner.get("/operator/orders", limit=100))["items"]
    standing = {"closed": 3, "paid": 3, "shipped": 3, "completed": 2}
    assert Counter(order["status"] for order in placed) == standing


async def test_the_numbers_are_those_of_the_plan_and_the_same_each_time(filled: Filled) -> None:
    numbers = await _numbers(filled.owner)
    actions = Counter(behaviour.action for visit in filled.visits for behaviour in visit.behaviours)
    assert numbers["pv"] == actions["page_view"]
    assert numbers["uv"] == len({visit.shopper.key for visit in filled.visits})
    assert numbers["sessions"] == len(filled.visits)
    assert numbers["orders_created"] == len([visit for visit in filled.visits if visit.order])
    money = {"orders_paid": 8, "gmv_fen": 279_216, "refunds": 1, "refund_fen": 21_662}
    assert {name: numbers[name] for name in money} == money


async def _numbers(owner: Client) -> dict[str, Any]:
    """The week's numbers; loading the engine of the facts from a cold disk may take longer than a request may."""
    async with asyncio.timeout(60):
        while True:
            try:
                week = await owner.get(
                    "/operator/metrics/summary", **{"from": "2026-03-02", "to": "2026-03-08"}
                )
            except Refused as refused:
                if refused.status != 503:
                    raise
            else:
                values: dict[str, Any] = week["values"]
                return values


async def test_the_home_page_is_full(filled: Filled) -> None:
    home = await filled.anybody.get("/home")
    assert home["unavailable"] == []
    storefront = home["storefront"]
    assert (len(storefront["banners"]), len(storefront["entries"])) == (3, 8)
    assert [bool(featured["products"]) for featured in storefront["featured_categories"]] == [True] * 5
    assert storefront["hot_words"] == list(load().home.hot_words)
    assert len(home["coupon_templates"]) == 5
    assert len(home["promotions"]) == 2


async def test_every_picture_of_the_home_page_is_there(filled: Filled) -> None:
    storefront = (await filled.anybody.get("/home"))["storefront"]
    urls = [banner["image_url"] for banner in storefront["banners"]]
    urls += [entry["icon_url"] for entry in storefront["entries"]]
    urls += [featured["icon_url"] for featured in storefront["featured_categories"]]
    async with filled.shop.browser() as browser:
        answers = [await browser.get(url) for url in urls]
    assert [answer.status_code for answer in answers] == [200] * len(urls)
    assert {answer.headers["content-type"] for answer in answers} == {"image/svg+xml"}


async def test_coffee_is_found(filled: Filled) -> None:
    found = await filled.anybody.get("/search", q="咖啡")
    assert found["is_exact"]
    names = {item["name"] for item in found["items"]}
    assert {"云南小粒咖啡豆 中度烘焙", "冷萃咖啡液 冻干杯装", "双层玻璃杯 隔热带把"} < names


async def test_wechat_is_back_in_the_present(filled: Filled) -> None:
    async def know(path: str) -> Any:
        return (await filled.wechat.control.get(path)).json()

    assert (await know("/clock"))["offset_seconds"] == 0
    assert (await know("/rules"))["refund_settles_after_seconds"] == 1.0
    totals = (await know("/books"))["totals"]
    assert (totals["pending_notices"], totals["refunds_under_way_fen"]) == (0, 0)
