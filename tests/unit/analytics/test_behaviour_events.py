"""The rules of a behaviour event (analytics.md 1–3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.analytics.collect.catalogue import CLIENT_EVENTS, SERVER_EVENTS
from services.analytics.collect.domain import Reason, Refused, accept, corrected
from services.analytics.collect.personal import holds_personal_data
from shared.ids import new_id

NOW = datetime(2030, 1, 5, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
instants = st.datetimes(datetime(2029, 12, 1), datetime(2030, 2, 1), timezones=st.just(UTC))


def an_event(**more: Any) -> dict[str, Any]:
    return {
        "event_id": str(new_id()),
        "event": "page_view",
        "occurred_at": "2030-01-05T11:00:00+08:00",
        "sent_at": "2030-01-05T12:00:00+08:00",
        "anon_id": str(new_id()),
        "app": "mini",
    } | more


def reason_of(raw: Any) -> Reason | None:
    try:
        accept(raw, member_id=None, received_at=NOW)
    except Refused as refused:
        return refused.reason
    return None


@given(occurred_at=instants, sent_at=instants, received_at=instants)
def test_a_corrected_instant_is_never_of_the_future_and_keeps_the_time_before_sending(
    occurred_at: datetime, sent_at: datetime, received_at: datetime
) -> None:
    ts = corrected(occurred_at, sent_at=sent_at, received_at=received_at)
    skew = received_at - sent_at
    if abs(skew) <= 60 * SECOND:
        assert ts == min(received_at, occurred_at)
    else:
        assert ts == received_at - max(sent_at - occurred_at, timedelta())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, None),
        ({"scene": 1001, "channel": None, "device": {"w": 375}}, None),
        ({"unknown": 1, "member_id": "anything"}, None),
        ({"event_id": "1"}, Reason.MALFORMED),
        ({"event": 7}, Reason.MALFORMED),
        ({"event": "order_paid"}, Reason.SERVER_EVENT),
        ({"event": "points_changed"}, Reason.SERVER_EVENT),
        ({"event": "nothing"}, Reason.UNKNOWN_EVENT),
        ({"occurred_at": "2030-01-05T11:00:00"}, Reason.MALFORMED),
        ({"occurred_at": "2030-01-04T11:00:00Z"}, None),
        ({"app": "desktop"}, Reason.MALFORMED),
        ({"seq": -1}, Reason.MALFORMED),
        ({"seq": 2**32}, Reason.MALFORMED),
        ({"seq": True}, Reason.MALFORMED),
        ({"schema_version": 65_536}, Reason.MALFORMED),
        ({"device": {"w": 65_536}}, Reason.MALFORMED),
        ({"page": "p" * 129}, Reason.MALFORMED),
        ({"experiments": {"button": "red"}}, None),
        ({"experiments": {"button": 1}}, Reason.MALFORMED),
        ({"props": []}, Reason.MALFORMED),
        ({"props": {"x": float("inf")}}, Reason.MALFORMED),
        ({"props": {"x": "a" * 4_088}}, None),
        ({"props": {"x": "a" * 4_089}}, Reason.PROPS_TOO_LARGE),
        ({"props": {"x": {"phone": 1}}}, Reason.PERSONAL_DATA),
        ({"page": "/pages/search?q=13812345678"}, Reason.PERSONAL_DATA),
        ({"occurred_at": "2029-01-04T03:59:59Z"}, Reason.TOO_OLD),
    ],
)
def test_what_an_event_may_say(more: dict[str, Any], reason: Reason | None) -> None:
    assert reason_of(an_event(**more)) == reason


def test_a_refusal_repeats_nothing_of_the_event() -> None:
    with pytest.raises(Refused) as refused:
        accept(an_event(anon_id="13812345678"), member_id=None, received_at=NOW)
    assert "13812345678" not in refused.value.detail


def test_only_what_was_sent_and_not_when_tells_a_repeat() -> None:
    event = an_event()

    def digest(**more: Any) -> bytes:
        return accept(event | more, member_id=None, received_at=NOW).digest

    assert digest() == digest(sent_at="2030-01-05T12:00:01+08:00")
    assert digest() != digest(page="/other")


def test_an_event_keeps_what_it_says_and_gets_its_member_from_the_caller() -> None:
    member_id = new_id()
    event = an_event(
        props={"keyword": "杯子"}, seq=3, scene=1011, device={"platform": "ios", "w": 375, "h": 812}
    )
    fact = accept(event, member_id=member_id, received_at=NOW).fact
    assert fact.happened_at == datetime(2030, 1, 5, 3, tzinfo=UTC)
    assert str(fact.event_id) == event["event_id"]
    kept = {
        name: fact.values[name] for name in ("member_id", "seq", "scene", "platform", "screen_width", "late")
    }
    assert kept == {
        "member_id": member_id,
        "seq": 3,
        "scene": "1011",
        "platform": "ios",
        "screen_width": 375,
        "late": False,
    }
    assert fact.values["props"] == '{"keyword":"杯子"}'


@pytest.mark.parametrize(
    "content",
    [
        "13812345678",
        13812345678,
        "回电138 1234 5678谢谢",
        "+86-138-1234-5678",
        "tel13812345678",
        ["a", {"b": "19912345678"}],
        {"19912345678": 1},
        "11010519491231002X",
        {"OpenID": "o"},
        {"deep": {"address": "x"}},
    ],
)
def test_personal_data_is_found(content: Any) -> None:
    assert holds_personal_data(content)


@pytest.mark.parametrize(
    "content",
    [
        "0198c0de-1381-7345-8678-a13812345678",
        "e3b0c44298fc1c13812345678fbf4c8996fb924",
        "12812345678",
        "138123456789",
        "2053013559792632471",
        1700000000000,
        "2030-01-05T11:00:00.138123Z",
        {"price_fen": 1999, "product_name": "杯子"},
        None,
        True,
    ],
)
def test_ids_and_numbers_are_no_personal_data(content: Any) -> None:
    assert not holds_personal_data(content)


def test_no_event_is_both_a_clients_and_a_services() -> None:
    assert not CLIENT_EVENTS & SERVER_EVENTS
    assert {
        "order_created",
        "order_paid",
        "order_refunded",
        "member_registered",
        "coupon_used",
    } <= SERVER_EVENTS
