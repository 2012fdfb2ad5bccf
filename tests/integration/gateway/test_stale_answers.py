"""While the catalog is away shoppers see what was there a moment ago, and a dead service is left in peace (4.E)."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway import stale_answers
from gateway.stale_answers import StaleAnswers
from shared.http import breaker
from shared.http.breaker import Breaker
from shared.ids import new_id
from tests.integration.gateway.echo import Door, Reply, open_door

AWAY = {"a failing service": "500", "a service without its database": "503", "a service that hangs": "hang"}


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["local", "remote"])
async def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Door]:
    async with open_door(request.param, tmp_path_factory.mktemp("door")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def forgiven(door: Door) -> None:
    """The failures of an earlier test are forgotten."""
    door.resources.breaker.answered("catalog")


def somewhere() -> str:
    """A page that nobody has seen before."""
    return f"/products?limit=1&after={new_id()}"


async def ask(door: Door, target: str, do: str = "tell") -> Reply:
    return await door.ask("GET", target, ("x-do", do))


@pytest.mark.parametrize("do", AWAY.values(), ids=AWAY.keys())
async def test_what_was_seen_a_moment_ago_is_shown_while_the_service_is_away(door: Door, do: str) -> None:
    target = somewhere()
    fresh = await ask(door, target)
    stale = await ask(door, target, do)
    assert (fresh.status, stale.status) == (200, 200)
    assert stale.body == fresh.body
    assert stale.header("content-type") == fresh.header("content-type")
    assert stale.header("cache-status") == ["gateway; hit; detail=stale-if-error"]
    assert int(stale.header("age")[0]) >= 0
    assert fresh.header("cache-status") == fresh.header("age") == []
    again = await ask(door, target)
    assert again.header("cache-status") == []


async def test_what_nobody_saw_or_is_too_old_is_a_problem(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = somewhere()
    assert (await ask(door, target, "503")).status == 503
    await ask(door, target)
    monkeypatch.setattr(stale_answers, "KEEP_SECONDS", 0.0)
    assert (await ask(door, target, "503")).status == 503


async def test_only_good_answers_of_routes_that_are_the_same_for_everybody_are_kept(door: Door) -> None:
    target = somewhere()
    assert (await ask(door, target, "refuse")).status == 401
    assert (await ask(door, target, "503")).status == 503
    search = f"/search?q={new_id()}"
    assert (await ask(door, search)).status == 200
    assert (await ask(door, search, "503")).status == 503


def test_the_oldest_answers_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_answers, "MOST_ANSWERS", 2)
    answers = StaleAnswers()
    for key in ("a", "b", "a", "c"):
        answers.keep(key, [], b"")
    assert [answers.find(key) is not None for key in ("a", "b", "c")] == [True, False, True]


async def test_a_service_that_does_not_answer_is_left_in_peace_until_one_call_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_SECONDS", 0.1)
    here = Breaker()
    for _ in range(breaker.FAILURES - 1):
        here.failed("order")
    assert here.admits("order")
    here.failed("order")
    assert not here.admits("order")
    assert here.admits("catalog")
    await asyncio.sleep(0.16)
    assert [here.admits("order") for _ in range(3)] == [True, False, False]
    here.answered("order")
    assert [here.admits("order") for _ in range(3)] == [True, True, True]


async def test_a_service_that_hangs_does_not_hold_up_everybody(door: Door) -> None:
    for _ in range(breaker.FAILURES):
        door.resources.breaker.failed("catalog")
    began = time.monotonic()
    assert (await ask(door, "/search?q=tea", "hang")).status == 503
    assert time.monotonic() - began < 1
