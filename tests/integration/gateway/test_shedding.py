"""When more is asked than can be done, the least important are turned away at once, and callbacks never (P13)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.gateway.echo import Door, Reply

CLASSES = {
    "beacon": ("POST", "/behaviour-events", 5),
    "browse": ("GET", "/products", 6),
    "search": ("GET", "/search?q=tea", 7),
    "vital": ("POST", "/callbacks/wechat-pay/payments", None),
}
"""A request of each kind that needs no login, and how many may be under way for it to get in."""


@pytest.fixture(scope="module")
def limits() -> dict[str, Any]:
    """A small shop's."""
    shares = {"beacon": 50, "browse": 60, "search": 70, "cart": 70, "order": 80, "payment": 100}
    return {"limit_under_way": 10, "limit_under_way_at_service": 10, "limit_shares": shares}


@asynccontextmanager
async def under_way(door: Door, number: int) -> AsyncIterator[None]:
    """So many requests are under way: callbacks, which always get in."""
    tasks = [
        asyncio.create_task(door.ask("POST", "/callbacks/wechat-pay/refunds", ("x-do", "hang")))
        for _ in range(number)
    ]
    load = door.resources.load
    async with asyncio.timeout(10):
        while load.all.under_way < number:
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):
            while load.all.under_way:
                await asyncio.sleep(0.01)


async def ask(door: Door, kind: str) -> Reply:
    method, path, _ = CLASSES[kind]
    return await door.ask(method, path + ("" if "?" in path or method == "POST" else f"?after={new_id()}"))


@pytest.mark.parametrize("number", [0, 4, 5, 6, 7, 12])
async def test_each_kind_gets_in_up_to_its_share(door: Door, number: int) -> None:
    async with under_way(door, number):
        for kind, (_, _, bound) in CLASSES.items():
            reply = await ask(door, kind)
            if bound is None or number < bound:
                assert reply.status == 200, kind
            else:
                assert reply.status == 503, kind
                assert reply.json() == {
                    "type": "/problems/busy",
                    "title": "Please try again in a moment",
                    "status": 503,
                    "detail": "More is asked of the shop than it can do.",
                }
                assert reply.header("retry-after")[0] in set("12345")


async def test_a_service_that_hangs_takes_no_more_than_its_share_of_the_shop(door: Door) -> None:
    load, before = door.resources.load, door.resources.load.at["catalog"].under_way
    load.at["catalog"].under_way = 10
    try:
        assert (await ask(door, "search")).status == 503
        assert (await ask(door, "beacon")).status == 200
        assert (await ask(door, "vital")).status == 200
    finally:
        load.at["catalog"].under_way = before


@pytest.mark.usefixtures("nothing_is_fresh")
async def test_who_is_turned_away_from_a_page_seen_a_moment_ago_is_shown_that(door: Door) -> None:
    page = f"/products?after={new_id()}"
    fresh = await door.ask("GET", page)
    async with under_way(door, 10):
        shown = await door.ask("GET", page)
        assert (shown.status, shown.body) == (200, fresh.body)
        assert shown.header("cache-status") == ["gateway; hit; detail=stale-while-busy"]
        assert (await ask(door, "browse")).status == 503
    assert (await door.ask("GET", page)).header("cache-status") == []


async def test_a_page_of_just_now_is_shown_however_much_is_under_way(door: Door) -> None:
    page = f"/products?after={new_id()}"
    async with under_way(door, 5):
        first = await door.ask("GET", page)
    async with under_way(door, 12):
        shown = await door.ask("GET", page)
        assert door.resources.load.all.under_way == 12
    assert (shown.status, shown.body) == (200, first.body)


async def test_what_many_ask_for_at_once_is_fetched_once(door: Door) -> None:
    page = f"/products?after={new_id()}"
    door.echo.calls.clear()
    replies = await asyncio.gather(*(door.ask("GET", page, ("x-do", "dawdle")) for _ in range(5)))
    assert [reply.status for reply in replies] == [200] * 5
    assert {reply.body for reply in replies} == {b"at last"}
    assert door.echo.calls == [page.partition("?")[0]]
    together = [reply.header("cache-status") for reply in replies]
    assert sorted(map(len, together)) == [0, 1, 1, 1, 1]
    assert ["gateway; fwd=miss; collapsed"] in together


async def test_what_came_to_nothing_is_asked_for_by_each(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    page = f"/products?after={new_id()}"
    first = asyncio.create_task(door.ask("GET", page, ("x-do", "dawdle and fail")))
    await asyncio.sleep(0.1)
    others = await asyncio.gather(*(door.ask("GET", page, ("x-do", "dawdle")) for _ in range(3)))
    assert (await first).status == 404
    assert [(reply.status, reply.header("cache-status")) for reply in others] == [(200, [])] * 3
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_search_is_never_shared(door: Door) -> None:
    door.echo.calls.clear()
    await asyncio.gather(*(door.ask("GET", "/search?q=tea", ("x-do", "dawdle")) for _ in range(3)))
    assert len(door.echo.calls) == 3
