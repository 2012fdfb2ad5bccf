"""Taking behaviour events in (analytics.md 1–3)."""

import asyncio
import gzip
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from services.analytics.collect import timers
from shared.database import reading
from shared.ids import new_id
from tests.integration.analytics.conftest import Analytics, at, behaviour


async def kept(analytics: Analytics, event: dict[str, Any]) -> list[dict[str, Any]]:
    return await analytics.stored(
        "SELECT * FROM behaviour_events WHERE event_id = {id:UUID}", id=event["event_id"]
    )


async def quarantined(analytics: Analytics, reason: str) -> list[str | None]:
    async with reading(analytics.resources.engine) as connection:
        found = await connection.execute(
            text("SELECT event FROM quarantined_events WHERE reason = :reason"), {"reason": reason}
        )
        return list(found.scalars())


def outcomes(results: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(each["result"], each["reason"]) for each in results]


async def test_a_bad_event_never_fails_its_batch(analytics: Analytics, day: date) -> None:
    good = behaviour("page_view", at(day, 10), page="/pages/home")
    batch: list[Any] = [
        good,
        behaviour("teleport", at(day, 10)),
        behaviour("order_paid", at(day, 10)),
        behaviour("page_view", at(day, 10), anon_id="somebody"),
        behaviour("page_view", at(day, 10), seq="1"),
        behaviour("page_view", at(day, 10), props={"text": "字" * 2000}),
        behaviour("search", at(day, 10), props={"keyword": "回电13812345678"}),
        behaviour("page_view", at(day, 10), props={"openid": "o1"}),
        behaviour("page_view", at(day - timedelta(days=400), 10), sent_at=at(day, 12).isoformat()),
        "not an event",
        None,
        {"event_id": "x\x00"},
    ]
    results = await analytics.send(*batch)
    assert outcomes(results) == [
        ("accepted", None),
        ("rejected", "unknown-event"),
        ("rejected", "server-event"),
        ("rejected", "malformed"),
        ("rejected", "malformed"),
        ("rejected", "props-too-large"),
        ("rejected", "personal-data"),
        ("rejected", "personal-data"),
        ("rejected", "too-old"),
        ("rejected", "malformed"),
        ("rejected", "malformed"),
        ("rejected", "malformed"),
    ]
    assert results[3]["event_id"] == batch[3]["event_id"]
    assert results[3]["detail"].startswith("anon_id: ")
    (row,) = await kept(analytics, good)
    assert (row["event"], row["source"], row["page"], row["late"]) == (
        "page_view",
        "client",
        "/pages/home",
        False,
    )
    for event in batch[1:9]:
        assert await kept(analytics, event) == []
    assert any(event and "teleport" in event for event in await quarantined(analytics, "unknown-event"))
    assert set(await quarantined(analytics, "personal-data")) == {None}


async def test_characters_and_numbers_that_no_database_takes_are_refused_or_kept_whole(
    analytics: Analytics, day: date
) -> None:
    odd = behaviour("search", at(day, 10), props={"keyword": 'a\x00b"\\\n\t字😀', "n": 10**30})
    caller = analytics.shop.as_anonymous()
    surrogate = orjson.dumps(analytics.batch(behaviour("search", at(day), props={"k": "X"})))
    answer = await caller.request(
        "analytics", "POST", "/behaviour-events", content=surrogate.replace(b'"X"', b'"\\ud800"')
    )
    assert outcomes(answer.json()["results"]) == [("rejected", "malformed")]
    answer = await caller.request(
        "analytics", "POST", "/behaviour-events", content=surrogate.replace(b'"X"', b"1e999")
    )
    assert outcomes(answer.json()["results"]) == [("rejected", "malformed")]
    assert outcomes(await analytics.send(odd)) == [("accepted", None)]
    (row,) = await kept(analytics, odd)
    assert (
        row["props"].replace("\\u0000", "\x00")
        == '{"keyword":"a\x00b\\"\\\\\\n\\t字😀","n":1' + "0" * 30 + "}"
    )


async def test_an_event_counts_once_however_often_it_is_sent(analytics: Analytics, day: date) -> None:
    event = behaviour("page_view", at(day, 9))
    again = event | {"sent_at": at(day, 11.99).isoformat()}
    assert outcomes(await analytics.send(event, event)) == [("accepted", None), ("duplicate", None)]
    assert outcomes(await analytics.send(again)) == [("duplicate", None)]
    assert (await analytics.summary(day))["pv"] == 1
    assert outcomes(await analytics.send(again)) == [("duplicate", None)]
    assert (await analytics.summary(day))["pv"] == 1


async def test_the_first_copy_counts_and_another_content_is_a_conflict(
    analytics: Analytics, day: date
) -> None:
    first = behaviour("page_view", at(day, 9), page="/a")
    other = first | {"page": "/b"}
    assert outcomes(await analytics.send(first)) == [("accepted", None)]
    assert outcomes(await analytics.send(other)) == [("duplicate", "conflict")]
    assert [row["page"] for row in await kept(analytics, first)] == ["/a"]
    assert any(event and "/b" in event for event in await quarantined(analytics, "conflict"))


async def test_one_event_sent_twice_at_once_is_taken_once(analytics: Analytics, day: date) -> None:
    events = [behaviour("page_view", at(day, 9)) for _ in range(20)]
    both = await asyncio.gather(analytics.send(*events), analytics.send(*reversed(events)))
    assert sorted(outcomes([*both[0], *both[1]])) == [("accepted", None)] * 20 + [("duplicate", None)] * 20
    assert (await analytics.summary(day))["pv"] == 20


async def test_the_member_is_who_calls_and_never_whom_the_event_names(
    analytics: Analytics, day: date
) -> None:
    me, another = new_id(), new_id()
    mine = behaviour("page_view", at(day, 9), member_id=another)
    nobodys = behaviour("page_view", at(day, 9), member_id=another)
    await analytics.send(mine, member_id=me)
    await analytics.send(nobodys)
    assert [row["member_id"] for row in await kept(analytics, mine)] == [me]
    assert [row["member_id"] for row in await kept(analytics, nobodys)] == [None]


async def test_a_wrong_clock_is_corrected_and_nothing_is_of_the_future(
    analytics: Analytics, day: date
) -> None:
    noon = analytics.clock.now()
    hour, second = timedelta(hours=1), timedelta(seconds=1)

    async def ts(occurred_ago: timedelta, sent_ago: timedelta) -> timedelta:
        event = behaviour("page_view", noon - occurred_ago, sent_at=(noon - sent_ago).isoformat())
        await analytics.send(event)
        (row,) = await kept(analytics, event)
        assert row["received_at"].timestamp() == noon.timestamp()
        return timedelta(seconds=noon.timestamp() - row["ts"].timestamp())

    assert await ts(3 * hour, 2 * hour) == hour
    assert await ts(-1 * hour, -2 * hour) == hour
    assert await ts(hour, 60 * second) == hour
    assert await ts(hour, 61 * second) == hour - 61 * second
    assert await ts(-30 * second, timedelta()) == timedelta()


async def test_late_and_internal_events_are_kept_but_not_counted(analytics: Analytics, day: date) -> None:
    noon = analytics.clock.now()
    just = behaviour("page_view", noon - timedelta(days=3), sent_at=noon.isoformat())
    late = behaviour("page_view", noon - timedelta(days=3, milliseconds=1), sent_at=noon.isoformat())
    internal = behaviour("page_view", noon - timedelta(days=3), sent_at=noon.isoformat(), is_internal=True)
    await analytics.send(just, late, internal)
    assert [len(await kept(analytics, event)) for event in (just, late, internal)] == [1, 1, 1]
    assert (await analytics.summary(day - timedelta(days=3)))["pv"] == 1


async def test_a_batch_may_be_packed_with_gzip_but_is_no_bomb(analytics: Analytics, day: date) -> None:
    caller = analytics.shop.as_anonymous()

    async def post(content: bytes, encoding: str = "gzip") -> int:
        answer = await caller.request(
            "analytics",
            "POST",
            "/behaviour-events",
            content=content,
            headers={"content-encoding": encoding, "content-type": "application/json"},
        )
        return answer.status_code

    batch = orjson.dumps(analytics.batch(behaviour("page_view", at(day, 9))))
    assert await post(gzip.compress(batch)) == 202
    assert (await analytics.summary(day))["pv"] == 1
    assert await post(gzip.compress(b" " * 20_000_000)) == 413
    assert await post(gzip.compress(batch)[:-9]) == 422
    assert await post(gzip.compress(batch) + gzip.compress(batch)) == 422
    assert await post(b"plain") == 422
    assert await post(batch, "br") == 415
    assert await post(b" " * 262_145, "identity") == 413


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"events": []}', b'{"events": 1}', b"nonsense"])
async def test_a_body_that_is_no_batch_is_refused(analytics: Analytics, body: bytes) -> None:
    answer = await analytics.shop.as_anonymous().request(
        "analytics", "POST", "/behaviour-events", content=body
    )
    assert answer.status_code == 422


async def test_more_than_fifty_events_are_refused_and_none_is_taken(analytics: Analytics, day: date) -> None:
    events = [behaviour("page_view", at(day, 9)) for _ in range(51)]
    answer = await analytics.shop.as_anonymous().post("analytics", "/behaviour-events", {"events": events})
    assert answer.status_code == 422
    assert (await analytics.summary(day))["pv"] == 0


async def test_old_ids_and_refusals_are_forgotten_batch_by_batch(
    analytics: Analytics, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "BATCH", 2)
    event = behaviour("page_view", at(day, 9))
    await analytics.send(event, *(behaviour(name, at(day, 9)) for name in ["page_view", "teleport"] * 5))
    analytics.clock.advance(timedelta(days=31))
    await analytics.shop.platform.workers["analytics"].timer_loop.run_due()
    async with reading(analytics.resources.engine) as connection:
        counts = await connection.execute(
            text(
                "SELECT (SELECT count(*) FROM behaviour_event_ids), (SELECT count(*) FROM quarantined_events)"
            )
        )
        assert tuple(counts.one()) == (0, 0)
    assert len(await kept(analytics, event)) == 1
