"""Wrong passwords are counted by address."""

from types import SimpleNamespace

import pytest

from gateway.operators import attempts
from gateway.operators.attempts import ADDRESSES, FAILURES, Attempts, TooManyAttempts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_after_ten_wrong_passwords_an_address_waits_a_minute(clock: SimpleNamespace) -> None:
    tries = Attempts()
    for _ in range(FAILURES):
        tries.begin("1.1.1.1")
        clock.now += 1
    with pytest.raises(TooManyAttempts) as refused:
        tries.begin("1.1.1.1")
    assert refused.value.headers == {"retry-after": "60"}
    tries.begin("2.2.2.2")
    clock.now = 1_060.0
    tries.begin("1.1.1.1")
    with pytest.raises(TooManyAttempts):
        tries.begin("1.1.1.1")


@pytest.mark.usefixtures("clock")
def test_right_passwords_do_not_count() -> None:
    tries = Attempts()
    for _ in range(3 * FAILURES):
        tries.begin("1.1.1.1")
        tries.succeed("1.1.1.1")
    for _ in range(FAILURES):
        tries.begin("1.1.1.1")


@pytest.mark.usefixtures("clock")
def test_only_so_many_addresses_are_remembered_the_newest() -> None:
    tries = Attempts()
    for number in range(ADDRESSES + 5):
        tries.begin(str(number))
    assert len(tries._tries) == ADDRESSES
    assert "4" not in tries._tries
    assert "5" in tries._tries
