"""What is still to happen in the demo's weeks, in order of time."""

import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import count

Happening = Callable[[], Awaitable[None]]


class Agenda:
    """Happenings by their instants; of one instant, what was put down first comes first."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Happening]] = []
        self._numbers = count()

    def add(self, at: datetime, happening: Happening) -> None:
        """Have something happen at an instant."""
        heapq.heappush(self._heap, (at, next(self._numbers), happening))

    def take(self, *, before: datetime) -> tuple[datetime, Happening] | None:
        """What happens next, and when; None when nothing is left before an instant."""
        if not self._heap or self._heap[0][0] >= before:
            return None
        at, _, happening = heapq.heappop(self._heap)
        return at, happening
