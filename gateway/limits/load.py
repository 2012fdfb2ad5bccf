"""How many requests may be under way, and who is turned away first when there are many (P13, SEC7)."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from gateway.limits.priority import Priority
from gateway.routes import ROUTES
from gateway.settings import Settings
from shared.http.problems import Busy


class Room:
    """The requests under way in one place; each priority gets in while they are fewer than its share of ``most``."""

    def __init__(self, most: int, percent: Mapping[Priority, int]) -> None:
        self.under_way = 0
        self._bounds = {priority: max(1, most * share // 100) for priority, share in percent.items()}

    def admits(self, priority: Priority) -> bool:
        """Whether one more of this priority may begin."""
        return priority is Priority.VITAL or self.under_way < self._bounds[priority]


class Load:
    """The requests under way in this process, and at each service."""

    def __init__(self, settings: Settings) -> None:
        shares = settings.limit_shares
        self.all = Room(settings.limit_under_way, shares)
        self.at = {
            service: Room(settings.limit_under_way_at_service, shares)
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
        there = self.at[service]
        self.all.under_way += 1
        there.under_way += 1
        try:
            yield
        finally:
            self.all.under_way -= 1
            there.under_way -= 1

    def _observe(self, _: CallbackOptions) -> Iterator[Observation]:
        for service, room in self.at.items():
            yield Observation(room.under_way, {"service": service})


def busy() -> Busy:
    """What those hear who are turned away: come back in one to five seconds, not all of them together (K17)."""
    return Busy(
        "More is asked of the shop than it can do.", headers={"retry-after": str(random.randint(1, 5))}
    )
