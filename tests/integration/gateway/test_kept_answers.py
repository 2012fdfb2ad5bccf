"""What is the same for everybody is asked for once a moment, and nobody sees it as it was more than a second ago; while the
catalog is away shoppers see what was there lately, and a dead service is left in peace (4.E)."""

import asyncio
import time

import pytest

from gateway import kept_answers
from gateway.kept_answers import FRESH_SECONDS, KeptAnswer, KeptAnswers
from gateway.limits.rates import Rate
from shared.http import breaker
from shared.http.breaker import Breaker
from shared.ids import new_id
from tests.integration.gateway.echo import Door, Reply, open_door

AWAY = {"a failing service": "500", "a service without its database": "503", "a service that hangs": "hang"}


@pytest.fixture(autouse=True)
def forgiven(door: Door) -> None:
    """The failures of an earlier test are forgotten."""
    door.resources.breaker.answered("catalog")
    door.echo.calls.clear()


def somewhere() -> str:
    """A page that nobody has seen before."""
    return f"/products?limit=1&after={new_id()}"


async def ask(door: Door, target: str, do: str = "tell", *headers: tuple[str, str]) -> Reply:
    return await door.ask("GET", target, ("x-do", do), *headers)


@pytest.mark.usefixtures("fresh_for_long")
async def test_what_was_answered_just_now_is_shown_without_asking_again(door: Door) -> None:
    target = somewhere()
    first = await ask(door, target)
    again = [await ask(door, target, "500") for _ in range(3)]
    assert door.echo.calls == ["/products"]
    assert [(each.status, each.body) for each in again] == [(200, first.body)] * 3
    assert [each.header("cache-status") for each in again] == [["gateway; hit"]] * 3
    assert [each.header("age") for each in again] == [["0"]] * 3
    assert first.header("cache-status") == first.header("age") == []
    for name in ("content-type", "x-content-type-options", "referrer-policy", "x-frame-options", "date"):
        assert [len(each.header(name)) for each in (first, *again)] == [1] * 4
    assert len({each.header("x-request-id")[0] for each in (first, *again)}) == 4


async def test_a_change_is_seen_within_a_second_by_whoever_asks_however_often(door: Door) -> None:
    target = somewhere()
    door.echo.text = b"before"
    assert (await ask(door, target, "text")).body == b"before"
    door.echo.text, changed_at = b"after", time.monotonic()
    shown = b"before"
    while shown == b"before":
        asked_at = time.monotonic()
        shown = (await ask(door, target, "text")).body
        assert shown == b"after" or asked_at < changed_at + 1
        await asyncio.sleep(0.02)
    assert shown == b"after"
    assert len(door.echo.calls) == 2


async def test_a_slow_fetch_counts_from_its_beginning(door: Door) -> None:
    target = somewhere()
    began = asked_at = time.monotonic()
    shown = (await ask(door, target, "dawdle")).body
    while shown == b"at last":
        assert asked_at - began < 1
        await asyncio.sleep(0.02)
        asked_at = time.monotonic()
        shown = (await ask(door, target, "text")).body
    assert time.monotonic() - began >= FRESH_SECONDS


@pytest.mark.usefixtures("fresh_for_long")
async def test_what_an_operator_changes_here_is_seen_at_once(door: Door) -> None:
    answers, key = door.resources.kept_answers, ("/products", str(new_id()).encode())
    answers.keep(key, KeptAnswer([], b"", time.monotonic()))
    assert answers.fresh(key) is not None
    with answers.fetching(key):
        answers.shop_changed()
        assert await answers.fetched_by_another(key) is None
    assert answers.fresh(key) is None
    assert answers.stale(key) is not None


@pytest.mark.usefixtures("fresh_for_long")
@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ('"1"', 304),
        ('W/"1"', 304),
        ('"0", "1"', 304),
        ("*", 304),
        ('"0"', 200),
        ('"11"', 200),
        ("", 200),
    ],
)
async def test_whoever_has_the_page_already_is_told_so_and_the_others_get_it(
    door: Door, if_none_match: str, status: int
) -> None:
    target, condition = somewhere(), ("if-none-match", if_none_match)
    replies = [
        await ask(door, target, "tag", condition),  # fetched
        await ask(door, target, "tag", condition),  # kept
    ]
    together = somewhere()
    replies += await asyncio.gather(
        ask(door, together, "tag", condition), ask(door, together, "tag", condition)
    )
    assert [reply.status for reply in replies] == [status] * 4
    for reply in replies:
        assert reply.header("etag") == ['"1"']
        assert reply.header("cache-control") == ["public, max-age=10"]
        assert reply.body == (b"" if status == 304 else b"tagged")
        assert reply.header("content-length") == ([] if status == 304 else ["6"])
    whole = await ask(door, target, "500")
    assert (whole.status, whole.body) == (200, b"tagged")
    assert door.echo.calls == ["/products"] * 2
    assert door.echo.conditions == []


@pytest.mark.parametrize("do", ["private", "no-store", "vary", "set-cookie", "zip"])
async def test_what_is_not_for_everybody_is_given_once_only(door: Door, do: str) -> None:
    target = somewhere()
    replies = [await ask(door, target, do) for _ in range(2)]
    assert [reply.header("cache-status") for reply in replies] == [[], []]
    assert len(door.echo.calls) == 2


async def test_a_search_is_asked_for_each_time_for_it_is_counted(door: Door) -> None:
    target = f"/search?q={new_id()}"
    for _ in range(3):
        assert (await ask(door, target)).header("cache-status") == []
    assert door.echo.calls == ["/search"] * 3


@pytest.mark.usefixtures("fresh_for_long")
async def test_a_page_of_just_now_counts_as_any_other_and_wants_a_good_login(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("door")
    async with open_door("local", folder, limits_scale=1.0, limit_anonymous=Rate(3, 60)) as door:
        statuses = [(await ask(door, "/products")).status for _ in range(4)]
        assert (statuses, door.echo.calls) == ([200, 200, 200, 429], ["/products"])
        unknown = await ask(door, "/products", "tell", ("authorization", "Bearer x"))
        assert unknown.status == 503, "its login cannot be looked up: there is no database"
        nonsense = await ask(door, "/products", "tell", ("authorization", "x"))
        assert nonsense.status == 401


@pytest.mark.parametrize("path", ["/me", "/operator/products", "/coupon-templates", "/promotions"])
async def test_nothing_of_members_and_operators_is_ever_kept(door: Door, path: str) -> None:
    answers = door.resources.kept_answers
    await ask(door, path)
    assert answers.stale((path, b"")) is None


@pytest.mark.usefixtures("nothing_is_fresh")
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


@pytest.mark.usefixtures("nothing_is_fresh")
async def test_what_nobody_saw_or_is_too_old_is_a_problem(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = somewhere()
    assert (await ask(door, target, "503")).status == 503
    await ask(door, target)
    monkeypatch.setattr(kept_answers, "KEEP_SECONDS", 0.0)
    assert (await ask(door, target, "503")).status == 503


@pytest.mark.usefixtures("nothing_is_fresh")
async def test_only_good_answers_of_routes_that_are_the_same_for_everybody_are_kept(door: Door) -> None:
    target = somewhere()
    assert (await ask(door, target, "refuse")).status == 401
    assert (await ask(door, target, "503")).status == 503
    search = f"/search?q={new_id()}"
    assert (await ask(door, search)).status == 200
    assert (await ask(door, search, "503")).status == 503


@pytest.mark.parametrize(("bound", "value"), [("MOST_ANSWERS", 2), ("MOST_BYTES_IN_ALL", 9)])
def test_the_oldest_answers_make_room(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(kept_answers, bound, value)
    answers = KeptAnswers()
    for key in ("a", "b", "a", "c"):
        answers.keep((key, b""), KeptAnswer([], b"body", time.monotonic()))
    assert [answers.stale((key, b"")) is not None for key in ("a", "b", "c")] == [True, False, True]


def test_an_older_answer_never_takes_the_place_of_a_newer_one() -> None:
    answers, now = KeptAnswers(), time.monotonic()
    answers.keep(("a", b""), KeptAnswer([], b"newer", now))
    answers.keep(("a", b""), KeptAnswer([], b"older", now - 1))
    kept = answers.stale(("a", b""))
    assert kept is not None
    assert kept.body == b"newer"


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
