"""The first screen, whoever of the services is away (NF-01, section 4.E)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.home import HomeView
from shared.http.problems import Busy
from shared.ids import new_id
from tests.support.shop import Shop


async def away(scope: Scope, receive: Receive, send: Send) -> None:
    """A service whose process does not answer."""
    await Busy().response()(scope, receive, send)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """A service with a bug: its server has answered 500, its app raises."""
    await Response(status_code=500)(scope, receive, send)
    raise RuntimeError("a bug")


async def asleep(scope: Scope, receive: Receive, send: Send) -> None:
    """A service that hangs."""
    await asyncio.sleep(60)


@contextmanager
def instead(shop: Shop, service: str, app: ASGIApp) -> Iterator[None]:
    apps = shop.platform.apps
    assert isinstance(apps, dict)
    before = apps[service]
    apps[service] = app
    try:
        yield
    finally:
        apps[service] = before


async def token(shop: Shop) -> str:
    code = await shop.wechat.login_code(await shop.wechat.user())
    async with shop.browser() as browser:
        answer = await browser.post("/auth/wechat/login", json={"code": code})
    return str(answer.json()["token"])


async def test_home_shows_the_shop_to_anybody_and_a_member_to_herself(shop: Shop) -> None:
    async with shop.browser() as browser:
        anybody = await browser.get("/home")
        mine = await browser.get("/home", headers={"authorization": f"Bearer {await token(shop)}"})
    assert (anybody.status_code, mine.status_code) == (200, 200)
    assert anybody.json()["unavailable"] == mine.json()["unavailable"] == []
    assert anybody.json()["me"] is None
    assert mine.json()["me"]["member_id"]
    assert anybody.json()["storefront"] == mine.json()["storefront"] is not None


@pytest.mark.usefixtures("fresh_for_long")
async def test_visitors_share_one_home_and_each_member_has_their_own(shop: Shop) -> None:
    path, tokens = f"/home?visit={new_id()}", [await token(shop) for _ in range(2)]
    async with shop.browser() as browser:
        visits = [await browser.get(path) for _ in range(2)]
        theirs = [await browser.get(path, headers={"authorization": f"Bearer {each}"}) for each in tokens * 2]
        afterwards = await browser.get(path)
    assert [each.headers.get("cache-status") for each in (*visits, afterwards)] == [
        None,
        "gateway; hit",
        "gateway; hit",
    ]
    assert len({each.content for each in (*visits, afterwards)}) == 1
    assert visits[0].json()["me"] is None
    assert [each.headers.get("cache-status") for each in theirs] == [None] * 4
    ids = [each.json()["me"]["member_id"] for each in theirs]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    assert [each.json()["storefront"] for each in theirs] == [visits[0].json()["storefront"]] * 4


@pytest.mark.usefixtures("fresh_for_long")
async def test_a_home_with_a_part_missing_is_shown_once_only(shop: Shop) -> None:
    path = f"/home?visit={new_id()}"
    async with shop.browser() as browser:
        with instead(shop, "campaign", away):
            poor = await browser.get(path)
        whole = await browser.get(path)
    assert (poor.json()["unavailable"], poor.headers["cache-control"]) == (
        ["coupon_templates", "promotions"],
        "no-store",
    )
    assert whole.json()["unavailable"] == []


async def test_home_is_what_its_model_promises(shop: Shop) -> None:
    async with shop.browser() as browser:
        for headers in ({}, {"authorization": f"Bearer {await token(shop)}"}):
            document = (await browser.get("/home", headers=headers)).json()
            assert HomeView.model_validate(document).model_dump(mode="json") == document


@pytest.mark.usefixtures("nothing_is_fresh")
@pytest.mark.parametrize("trouble", [away, broken, asleep])
@pytest.mark.parametrize(
    ("service", "unavailable"),
    [("catalog", ["storefront"]), ("campaign", ["coupon_templates", "promotions"]), ("member", ["me"])],
)
async def test_home_shows_the_rest_when_a_service_is_away(
    shop: Shop, service: str, unavailable: list[str], trouble: ASGIApp
) -> None:
    authorization = {"authorization": f"Bearer {await token(shop)}"}
    async with shop.browser() as browser:
        await browser.get("/home")
        with instead(shop, service, trouble):
            answer = await browser.get("/home", headers=authorization)
    assert answer.status_code == 200, answer.text
    home = answer.json()
    assert home["unavailable"] == unavailable
    assert home["storefront"] is not None  # as it was a moment ago, while the catalog is away
    assert (home["me"] is None) == (service == "member")
    assert isinstance(home["coupon_templates"], list)
    assert isinstance(home["promotions"], list)


@pytest.mark.usefixtures("nothing_is_fresh")
async def test_the_gateway_is_ready_whoever_else_is_away(shop: Shop) -> None:
    async with shop.browser() as browser:
        with instead(shop, "catalog", away), instead(shop, "member", broken):
            ready = await browser.get("/health/ready")
            listing = await browser.get(f"/products?visit={new_id()}")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (listing.status_code, listing.json()["type"]) == (503, "/problems/busy")
