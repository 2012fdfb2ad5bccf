"""How many requests may be under way, and who is turned away first when there are many (P13, SEC7)."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from gateway.limits.lines import Lines
from gateway.limits.priority import Priority
from gateway.routes import ROUTES
from gateway.settings import Settings
from shared.http.problems import Busy

JUDGED_EVERY_SECONDS = 0.25
NARROWER, WIDER, WIDER_AT_SERVICE = 0.5, 1.1, 1.5
"""A service that is fast again is soon sent as much as before: those who wait in line for it come at once."""
LEAST = 10
"""A service is always sent so many requests: enough to see whether it is faster again."""
CROWDED = 0.4
"""A room says nothing of what a service can bear while less than this of it is taken."""
MOST_HELD = 64
"""So many requests may wait for something to happen: as many again as are at work at a service, each with a connection."""
SERVICE_PATIENCE = 5
"""So many times longer than all together one service may take: where everything is slow, what matters least makes room,
and not what happens to take longest."""


class Room:
    """The requests under way in one place; each priority gets in while they are fewer than its share of the width.

    Its width is ``most`` at first. While even the fastest answer of a quarter second takes longer than ``seconds``, too
    many are waiting for each other, and the width is halved; while it is crowded and fast, the width grows again.
    """

    def __init__(
        self, most: int, shares: Mapping[Priority, int], *, seconds: float, wider: float = WIDER
    ) -> None:
        self.under_way = 0
        self.width = float(most)
        self._most = most
        self._shares = {priority: percent / 100 for priority, percent in shares.items()}
        self._shares[Priority.VITAL] = inf
        self._seconds = seconds
        self._wider = wider
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
                self.width = self.width * self._wider + 1 if is_fast else self.width * NARROWER
                self.width = min(self._most, max(LEAST, self.width))
            self._fastest, self._judged_at = inf, now
        self.under_way -= 1


class Load:
    """The requests under way in this process and at each service, and those that wait until there is room for them."""

    def __init__(self, settings: Settings) -> None:
        shares, seconds = settings.limit_shares, settings.limit_fastest_answer.total_seconds()
        self.all = Room(settings.limit_under_way, shares, seconds=seconds)
        self.at = {
            service: Room(
                settings.limit_under_way_at_service,
                shares,
                seconds=SERVICE_PATIENCE * seconds,
                wider=WIDER_AT_SERVICE,
            )
            for service in sorted({route.service for route in ROUTES})
        }
        self._lines = Lines(settings.limit_waiting, self.at)
        self._held = 0
        meter = metrics.get_meter("jishi")
        self._shed = meter.create_counter("jishi.requests.shed")
        meter.create_observable_gauge("jishi.requests.under_way", [self._observe])
        meter.create_observable_gauge("jishi.requests.waiting", [self._observe_lines])

    def admits(self, service: str, priority: Priority) -> bool:
        """Whether there is room for one more, and nobody waits for it."""
        return self._lines.is_empty(service, priority) and self._has_room(service, priority)

    async def gets_in(self, service: str, priority: Priority, *, seconds: float) -> bool:
        """Whether one more may begin, now or when its turn comes within the time; counts who is turned away.

        Whoever gets in begins (``one_more``) before anything else is awaited.
        """
        if self.admits(service, priority):
            return True
        if self._lines.takes(priority) and await self._turn_comes(service, priority, seconds):
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
            self._call()

    @contextmanager
    def one_held(self) -> Iterator[None]:
        """A request that does nothing but wait, and takes nobody's room; raises Busy when there are too many of them."""
        if self._held >= MOST_HELD:
            raise busy()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def _turn_comes(self, service: str, priority: Priority, seconds: float) -> bool:
        turn = self._lines.join(service, priority)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if not turn.cancelled():  # called at the last moment: the next has the place
                self._keep(service, -1)
                self._call()
            if isinstance(error, TimeoutError):
                return False
            raise
        finally:
            self._lines.leave(service, priority, turn)
        self._keep(service, -1)
        return True

    def _call(self) -> None:
        """Call those who wait, and keep their places until they take them."""
        while self._lines.length and (service := self._lines.call(self._has_room)) is not None:
            self._keep(service, 1)

    def _keep(self, service: str, places: int) -> None:
        self.all.under_way += places
        self.at[service].under_way += places

    def _has_room(self, service: str, priority: Priority) -> bool:
        return self.all.admits(priority) and self.at[service].admits(priority)

    def _observe(self, _: CallbackOptions) -> Iterator[Observation]:
        for service, room in self.at.items():
            yield Observation(room.under_way, {"service": service})

    def _observe_lines(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self._lines.length)


def busy() -> Busy:
    """What those hear who are turned away: come back in one to five seconds, not all of them together (K17)."""
    return Busy(
        "More is asked of the shop than it can do.", headers={"retry-after": str(random.randint(1, 5))}
    )
