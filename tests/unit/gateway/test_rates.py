"""Rates as they are written, and the buckets that hold callers to them, on a clock in our hands (SEC7)."""

from dataclasses import dataclass
from random import Random

import pytest
from pydantic import ValidationError

from gateway.limits import buckets
from gateway.limits.buckets import Buckets
from gateway.limits.priority import TURNED_AWAY_IN_ORDER, Priority
from gateway.limits.rates import Limit, Rate
from gateway.settings import Settings

KEYS = {"database_url": "x", "identity_key_file": "x", "identity_keyring_file": "x"}


@dataclass
class Time:
    """Monotonic seconds that stand still unless moved."""

    at: float = 5_000_000.0

    def now(self) -> float:
        return self.at


@pytest.fixture(autouse=True)
def _usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that another test opened in this process has no say."""
    monkeypatch.delenv("GATEWAY_LIMITS_SCALE", raising=False)


@pytest.mark.parametrize(
    ("written", "rate"),
    [("20/s", Rate(20, 1)), ("10/min", Rate(10, 60)), ("2/h", Rate(2, 3_600)), ("40/2s", Rate(40, 2))],
)
def test_a_rate_is_calls_in_a_time(written: str, rate: Rate) -> None:
    assert Rate.parse(written) == rate


@pytest.mark.parametrize("written", ["", "0/s", "20", "20/day", "-1/s", "1.5/s", "20/s ", "1/0s"])
def test_what_is_no_rate_stops_the_start(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LIMIT_LOGIN", written or " ")
    with pytest.raises(ValidationError, match="is no rate"):
        Settings(**KEYS)  # type: ignore[arg-type]


def test_the_usual_limits_are_those_of_the_security_requirements() -> None:
    settings = Settings(**KEYS)  # type: ignore[arg-type]
    assert settings.rates == {
        Limit.ANONYMOUS: Rate(20, 1),
        Limit.MEMBER: Rate(10, 1),
        Limit.OPERATOR: Rate(30, 1),
        Limit.LOGIN: Rate(10, 60),
        Limit.ORDER: Rate(12, 120),  # six a minute
        Limit.CLAIM: Rate(10, 60),
        Limit.SEARCH: Rate(5, 1),
        Limit.MEDIA: Rate(200, 1),
    }
    assert settings.member_requests_at_once == 8
    assert settings.limit_shares[Priority.ORDER] == 80


def test_every_limit_can_be_set_and_all_of_them_be_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in Limit:
        monkeypatch.setenv(f"GATEWAY_LIMIT_{limit.upper()}", "7/min")
    monkeypatch.setenv("GATEWAY_LIMIT_MEMBER_AT_ONCE", "3")
    monkeypatch.setenv("GATEWAY_LIMITS_SCALE", "0.1")
    settings = Settings(**KEYS)  # type: ignore[arg-type]
    assert set(settings.rates.values()) == {Rate(1, 60)}
    assert settings.member_requests_at_once == 1
    monkeypatch.setenv("GATEWAY_LIMITS_SCALE", "100")
    assert Settings(**KEYS).rates[Limit.LOGIN] == Rate(700, 60)  # type: ignore[arg-type]


@pytest.mark.parametrize("shares", [(60, 50, 65, 70, 80, 100), (50, 60, 65, 70, 80, 101), (0, 1, 2, 3, 4, 5)])
def test_shares_rise_with_importance(shares: tuple[int, ...]) -> None:
    told = dict(zip(TURNED_AWAY_IN_ORDER, shares, strict=True))
    with pytest.raises(ValidationError, match="rising"):
        Settings(**KEYS, limit_shares=told)  # type: ignore[arg-type]
    del told[Priority.CART]
    with pytest.raises(ValidationError, match="rising"):
        Settings(**KEYS, limit_shares=told)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [Rate(20, 1), Rate(7, 60), Rate(10, 60), Rate(3, 1), Rate(1, 60)])
def test_a_bucket_gives_its_calls_at_once_and_then_one_each_interval(rate: Rate) -> None:
    time = Time()
    here = Buckets(time.now)
    assert [here.take("a", rate) for _ in range(rate.calls)] == [0.0] * rate.calls
    for _ in range(50):
        wait = here.take("a", rate)
        assert wait == pytest.approx(rate.interval)
        time.at += wait / 2
        assert here.take("a", rate) == pytest.approx(rate.interval / 2)
        time.at += wait / 2
        assert here.take("a", rate) == 0.0
    assert here.take("b", rate) == 0.0


def test_whoever_waits_as_long_as_told_gets_in_and_never_more_than_the_rate_and_a_bucketful() -> None:
    time, random, rate = Time(), Random(7), Rate(10, 60)
    here = Buckets(time.now)
    granted: list[float] = []
    for _ in range(2_000):
        time.at += random.expovariate(1.0)
        if (wait := here.take("a", rate)) and random.random() < 0.1:
            time.at += wait
            assert here.take("a", rate) == 0.0
            wait = 0.0
        if not wait:
            granted.append(time.at)
    for first in range(len(granted)):
        for last in range(first, min(first + 40, len(granted))):
            assert last - first + 1 <= 10 + (granted[last] - granted[first]) / 6 + 1e-3


def test_what_the_store_tells_is_gone_on_from() -> None:
    time, rate = Time(), Rate(10, 60)
    here = Buckets(time.now)
    here.learn("a", full_in=57.0)
    assert here.take("a", rate) == pytest.approx(3.0)
    here.learn("a", full_in=10.0)  # an older word that comes later
    time.at += 3.0
    assert here.take("a", rate) == 0.0
    assert here.take("a", rate) == pytest.approx(6.0)


def test_only_so_many_buckets_are_kept_those_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_BUCKETS", 100)
    time, rate = Time(), Rate(1, 60)
    here = Buckets(time.now)
    for number in range(100):
        here.take(number, rate)
    assert here.take(0, Rate(2, 120)) == 0.0  # used again: the newest now
    for number in range(100, 150):
        here.take(number, rate)
    assert len(here) == 100
    assert here.take(0, rate) > 0
    assert here.take(149, rate) > 0
    assert here.take(1, rate) == 0.0
