"""Which instants the shop takes in: dated, with an offset, and near enough to be lived through."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.http.bodies import Body, Instant


class Meeting(Body):
    at: Instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-11T00:00:00+08:00", datetime(2026, 11, 10, 16, tzinfo=UTC)),
        ("2026-11-10T16:00:00.250Z", datetime(2026, 11, 10, 16, 0, 0, 250_000, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2199-12-31T23:59:59Z", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_is_a_date_a_time_and_an_offset(text: str, instant: datetime) -> None:
    assert Meeting.model_validate({"at": text}).at == instant


@pytest.mark.parametrize(
    "value",
    [
        1_763_000_000,
        1_763_000_000.5,
        "1763000000",
        True,
        None,
        "",
        "2026-11-11",
        "2026-11-11T00:00:00",
        "１７６３-11-11T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "9999-12-31T23:59:59+08:00",
        "0001-01-01T00:00:00+08:00",
    ],
)
def test_a_number_a_day_and_a_time_beyond_the_shops_life_are_no_instants(value: object) -> None:
    with pytest.raises(ValidationError):
        Meeting.model_validate({"at": value})
