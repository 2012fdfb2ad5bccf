"""How many requests may be under way, and who is turned away first when there are many (P13, SEC7)."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from gateway.limits.priority import Priority
from gateway.routes import ROUTES
from gateway.settings import Settings
from shared.http.problems import Busy

JUDGED_EVERY_SECONDS = 0.25
NARROWER, WIDER = 0.5, 1.1
LEAST = 10
"""A service is always sent so many requests: enough to see whether it is faster again."""
CROWDED = 0.4
"""A room says nothing of what a service can bear while less than this of it is taken."""
SERVICE_PATIENCE = 5
"""So many times longer than all together one service may take: where everything is slow, what matters least makes room,
and not what happens to take longest."""


class Room:
    """The requests under way in one place; each priority gets in while they are fewer than its share of the width.

    Its width is ``most`` at first. While even the fastest answer of a quarter second takes longer than ``seconds``, too
    many are waiting for each other, and the width is halved; while it is crowded and fast, the width grows again.
    """

    def __init__(self, most: int, shares: Mapping[Priority, int], *, seconds: float) -> None:
        self.under_way = 0
        self.width = float(most)
        self._most = most
        self._shares = {priority: percent / 100 for priority, percent in shares.items()}
        self._shares[Priority.VITAL] = inf
        self._seconds = seconds
        self._fastest = inf
        self._judged_at = 0.0

    def admits(self, priority: Priority) -> bool:
        """Whether one more of this priority may begin."""
        return self.under_way < self.width * self._shares[priority]

    def ended(self, *, began: float, now: float) -> None:
        """A request that was counted in ``under_way`` has ended (monotonic seconds)."""
        self._fastest = min(self._fastest, now - began)
        if now >= self._judged_at + JUDGED_EVERY_SECONDS:
            if self.under_way >= self.width * CROWDED:
                is_fast = self._fastest <= self._seconds
                self.width = self.width * WIDER + 1 if is_fast else self.width * NARROWER
                self.width = min(self._most, max(LEAST, self.width))
            self._fastest, self._judged_at = inf, now
        self.under_way -= 1


class Load:
    """The requests under way in this process, and at each service."""

    def __init__(self, settings: Settings) -> None:
        shares, seconds = settings.limit_shares, settings.limit_fastest_answer.total_seconds()
        self.all = Room(settings.limit_under_way, shares, seconds=seconds)
        self.at = {
            service: Room(settings.limit_under_way_at_service, shares, seconds=SERVICE_PATIENCE * seconds)
            for service in sorted({route.service for route in ROUTES})
        }
        meter = metrics.get_meter("jishi")
        self._shed = meter.create_counter("jishi.requests.shed")
        meter.create_observable_gauge("jishi.requests.under_way", [self._observe])

    def admits(self, service: str, priority: Priority) -> bool:
        """Whether there is room for one more; counts who is turned away."""
        if self.all.admits(priority) and self.at[service].admits(priority):
            return True
        self._shed.add(1, {"priority": priority.value, "service": service})
        return False

    @contextmanager
    def one_more(self, service: str) -> Iterator[None]:
        """A request while it runs."""
        there, began = self.at[service], time.monotonic()
        self.all.under_way += 1
        there.under_way += 1
        try:
            yield
        finally:
            now = time.monotonic()
            self.all.ended(began=began, now=now)
            there.ended(began=began, now=now)

    def _observe(self, _: CallbackOptions) -> Iterator[Observation]:
        for service, room in self.at.items():
            yield Observation(room.under_way, {"service": service})


def busy() -> Busy:
    """What those hear who are turned away: come back in one to five seconds, not all of them together (K17)."""
    return Busy(
        "More is asked of the shop than it can do.", headers={"retry-after": str(random.randint(1, 5))}
    )
