"""Fills an empty shop with the demo: its goods, its rules, and weeks of visitors, all through the gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import aiohttp

from demo.catalogue import load
from demo.filling.agenda import Agenda
from demo.filling.books import check_books, check_nothing_is_stalled
from demo.filling.giveaways import announce_giveaways
from demo.filling.goods import add_goods
from demo.filling.home import arrange_home
from demo.filling.in_process import InProcessClient
from demo.filling.stage import Stage
from demo.filling.time import Time
from demo.filling.wechat import REFUNDS_AT_ONCE, WeChat
from demo.filling.weeks import live
from demo.people import plan
from deploy.local.platform import Platform
from shared.clock import ManualClock, day_starts_at, shop_day
from shared.http.services import LocalExchange

SEED: Final = 20260101
WEEKS: Final = 4


def starts_at(now: datetime) -> datetime:
    """When the demo's weeks begin: four weeks before the start of today's shop day."""
    return day_starts_at(shop_day(now) - timedelta(weeks=WEEKS))


async def fill(
    platform: Platform,
    clock: ManualClock,
    *,
    simulator_url: str,
    owner_password: str,
    show: Callable[[str], None],
    seed: int = SEED,
    weeks: int = WEEKS,
    people: int = 60,
    visits_a_week: int = 125,
) -> str:
    """Make the demo in an empty shop whose clock stands at the start of a shop day; returns what came of it.

    The clock stands ``weeks`` later in the end. ``show`` is told how far it is. Raises Refused and DemoFailed.
    """
    shop = load()
    start = clock.now()
    visits = plan(
        shop, seed=seed, start=shop_day(start), weeks=weeks, people=people, visits_a_week=visits_a_week
    )
    exchange = LocalExchange(platform.apps)
    async with _wechat_of_that_time(simulator_url) as wechat:
        time = Time(platform, clock, wechat)
        owner = InProcessClient(exchange)
        login = {"username": "owner", "password": owner_password}
        owner.token = (await owner.post("/operator/auth/login", login))["token"]
        goods = await add_goods(owner, shop, show)
        await arrange_home(owner, shop, goods)
        await announce_giveaways(owner, shop, goods)
        stage = Stage(
            exchange,
            owner,
            carrier=InProcessClient(exchange),
            wechat=wechat,
            time=time,
            agenda=Agenda(),
            goods=goods,
            agreement_version=(await owner.get("/privacy-agreement"))["version"],
        )
        await live(stage, visits, until=start + timedelta(weeks=weeks), show=show)
        await check_nothing_is_stalled(platform)
        await check_books(owner, wechat)
    return (
        f"{len(goods.products)} products, {len(stage.visitors)} members,"
        f" {len(stage.placed)} orders of {weeks} weeks"
    )


@asynccontextmanager
async def _wechat_of_that_time(simulator_url: str) -> AsyncIterator[WeChat]:
    """WeChat, which settles refunds at once until the end; its clock is right again then."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(simulator_url, timeout=timeout) as http:
        wechat = WeChat(http)
        rules = await wechat.rules()
        try:
            await wechat.set_rules(REFUNDS_AT_ONCE)
            yield wechat
        finally:
            await wechat.set_rules(rules)
            await wechat.set_clock_right()
