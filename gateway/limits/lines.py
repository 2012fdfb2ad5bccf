"""Waiting in line for room instead of being turned away: first come, first served, what matters more first (P13)."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from gateway.limits.priority import Priority

WORTH_WAITING = (Priority.PAYMENT, Priority.ORDER)
"""What waits, the more important first; everything else is turned away at once."""

Turn = asyncio.Future[None]


class Lines:
    """A line for each service and priority. Who waits asks nobody, and holds no connection to anything."""

    def __init__(self, most: int, services: Iterable[str]) -> None:
        self.length = 0
        self._most = most
        self._lines: dict[tuple[str, Priority], deque[Turn]] = {
            (service, priority): deque() for priority in WORTH_WAITING for service in services
        }

    def takes(self, priority: Priority) -> bool:
        """Whether one more may wait."""
        return priority in WORTH_WAITING and self.length < self._most

    def is_empty(self, service: str, priority: Priority) -> bool:
        """Whether nobody waits there who would be overtaken."""
        return not self._lines.get((service, priority))

    def join(self, service: str, priority: Priority) -> Turn:
        """Stand at the end of a line."""
        turn: Turn = asyncio.get_running_loop().create_future()
        self._lines[service, priority].append(turn)
        self.length += 1
        return turn

    def leave(self, service: str, priority: Priority, turn: Turn) -> None:
        """Wait no longer, called or not."""
        self.length -= 1
        if turn.cancelled():
            with suppress(ValueError):  # passed over by a call
                self._lines[service, priority].remove(turn)  # mostly the first: who has waited longest

    def call(self, has_room: Callable[[str, Priority], bool]) -> str | None:
        """Tell whoever is first that there is room now; at which service, None where there is room for nobody."""
        for (service, priority), line in self._lines.items():
            while line and has_room(service, priority):
                turn = line.popleft()
                if not turn.cancelled():
                    turn.set_result(None)
                    return service
        return None
