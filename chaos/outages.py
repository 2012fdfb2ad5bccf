"""When which part was away, and for how long: availability is judged outside these times."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

AFTERWARDS_SECONDS = 1.0
"""Calls that began just after a part came back may still meet a connection that broke."""


BEFORE_SECONDS = 0.5
"""Callers see a connection break a moment before the supervisor sees the end of its process."""


@dataclass(slots=True)
class Outage:
    """A part that was away; `ended` is None while it is."""

    part: str
    cause: str
    at: datetime
    began: float
    ended: float | None = None
    is_ours: bool = True
    """Whether the harness caused it; a process that ends by itself is a finding."""

    @property
    def seconds(self) -> float | None:
        """How long it took to come back."""
        return None if self.ended is None else self.ended - self.began


@dataclass(slots=True)
class Outages:
    """All outages of a run, on the monotonic clock."""

    all: list[Outage] = field(default_factory=list)

    def begin(self, part: str, cause: str, *, is_ours: bool = True) -> Outage:
        """A part is away from now on."""
        outage = Outage(part, cause, datetime.now(UTC), time.monotonic(), is_ours=is_ours)
        self.all.append(outage)
        return outage

    def end(self, outage: Outage) -> None:
        """It is back."""
        outage.ended = time.monotonic()

    def during(self, began: float, ended: float) -> bool:
        """Whether anything was away at any moment between two."""
        return any(
            outage.began - BEFORE_SECONDS <= ended
            and (outage.ended is None or began <= outage.ended + AFTERWARDS_SECONDS)
            for outage in self.all
        )

    def share(self, began: float, ended: float) -> float:
        """The share of a time during which anything was away."""
        steps = 1_000
        length = (ended - began) / steps
        return sum(self.during(began + step * length, began + step * length) for step in range(steps)) / steps
