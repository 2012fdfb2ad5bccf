"""The simulator's clock: the system's, moved by an offset that the control API sets and the books keep."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8))


class Clock:
    """Unix seconds as the simulated platform sees them; moving it wakes everybody who waits for a time."""

    def __init__(self, *, offset_seconds: float = 0.0, system: Callable[[], float] = time.time) -> None:
        self._system = system
        self.offset_seconds = offset_seconds
        self.signs_by_system_clock = False
        self._moved = asyncio.Event()

    def now(self) -> float:
        """The platform's time in Unix seconds."""
        return self._system() + self.offset_seconds

    def wire(self) -> float:
        """The time that signatures carry and are checked against; normally the same.

        A test that moves the platform's days while the shop stays on the system clock parts the two.
        """
        return self._system() if self.signs_by_system_clock else self.now()

    def move(self, *, offset_seconds: float) -> None:
        """Set the distance to the system clock and wake whoever waits."""
        self.offset_seconds = offset_seconds
        self.wake()

    def wake(self) -> None:
        """Tell whoever waits for a time that there may be earlier work now."""
        self._moved.set()

    async def wait_until(self, due: float | None) -> None:
        """Return when it is `due`, or earlier when the clock is moved or woken; None waits for that alone."""
        timeout = None if due is None else max(0.0, due - self.now())
        try:
            await asyncio.wait_for(self._moved.wait(), timeout)
        except TimeoutError:
            return
        self._moved.clear()


def rfc3339(at: float) -> str:
    """A time as WeChat writes it: whole seconds in China's zone."""
    return datetime.fromtimestamp(int(at), SHANGHAI).isoformat()


def instant(text: str) -> float:
    """The Unix seconds of an RFC 3339 text with a zone; raises `ValueError` for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text:
        raise ValueError("the time has no zone")
    return moment.astimezone(UTC).timestamp()


def china_day(at: float) -> str:
    """The date in China, `2026-01-02`."""
    return datetime.fromtimestamp(at, SHANGHAI).date().isoformat()
