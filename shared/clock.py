"""What time it is, and which shop day that is (K16)."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the present instant; passed in, so that tests and the demo can move time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        """Move to an instant."""
        self._at = at

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self._at += by


def shop_day(at: datetime) -> date:
    """The shop's calendar day (Asia/Shanghai) of an instant."""
    return at.astimezone(SHANGHAI).date()


def day_starts_at(day: date) -> datetime:
    """The instant, in UTC, at which a shop day begins."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
