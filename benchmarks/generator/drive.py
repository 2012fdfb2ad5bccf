"""Keeping so many units of work under way, and counting everything that comes of them."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

BUSY = (429, 503)
BUSY_PAUSE_SECONDS = 0.1
"""So long a client waits after it was turned away."""

MOST_EXAMPLES = 20
"""So many different errors are told in words; of the others only the number is."""

Unit = Callable[[int], Awaitable[str]]
"""One unit of work of worker number n; says what came of it, such as "done", or raises."""


class WrongAnswer(Exception):
    """The answer is not what it has to be."""


class TurnedAway(Exception):
    """The shop said that it is busy: nothing wrong, and nothing done."""


@dataclass(slots=True)
class Outcome:
    """What came of a round: milliseconds of each unit by what came of it, and the errors, none of which is left out."""

    seconds: float = 0.0
    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    turned_away: int = 0
    """How often the shop was too busy; neither a unit nor an error."""

    calls: int = 0
    notes: list[Any] = field(default_factory=list)
    """What the works want to check afterwards, such as order ids with their sums."""

    @property
    def units(self) -> int:
        """How many were done; errors are none."""
        return sum(map(len, self.latencies_ms.values()))

    @property
    def failures(self) -> int:
        """How many ended in an error."""
        return sum(self.errors.values())

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """From what was told."""
        return cls(**values)


async def drive(
    unit: Unit, *, concurrency: int, seconds: float | None = None, units: int | None = None
) -> Outcome:
    """Have `concurrency` workers do units until the time is over or so many were begun.

    A unit that was begun is waited for, however late it ends; the time is that until the last one.
    """
    latencies: defaultdict[str, list[float]] = defaultdict(list)
    errors: Counter[str] = Counter()
    turned_away = 0
    began = time.perf_counter()
    deadline = None if seconds is None else began + seconds
    left = units

    async def work(number: int) -> None:
        nonlocal left, turned_away
        while (deadline is None or time.perf_counter() < deadline) and left != 0:
            if left is not None:
                left -= 1
            at = time.perf_counter()
            try:
                came = await unit(number)
            except TurnedAway:
                turned_away += 1
                await asyncio.sleep(BUSY_PAUSE_SECONDS)
            except (WrongAnswer, ConnectionError, TimeoutError, OSError) as error:
                _count(errors, f"{type(error).__name__}: {error}"[:300])
            else:
                latencies[came].append((time.perf_counter() - at) * 1000)

    async with asyncio.TaskGroup() as workers:
        for number in range(concurrency):
            workers.create_task(work(number))
    return Outcome(time.perf_counter() - began, dict(latencies), dict(errors), turned_away)


def _count(errors: Counter[str], error: str) -> None:
    errors[error if error in errors or len(errors) < MOST_EXAMPLES else "other errors"] += 1
