"""Rates such as ``10/min``, and what they are for (SEC7)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0}
_WRITTEN = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,3})?(s|min|h)")


class Limit(StrEnum):
    """Which rate a request counts against: that of its kind of caller, or that of its route."""

    ANONYMOUS = "anonymous"
    MEMBER = "member"
    OPERATOR = "operator"
    LOGIN = "login"
    ORDER = "order"
    CLAIM = "claim"
    SEARCH = "search"
    MEDIA = "media"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds: a bucket of ``calls`` that fills up again evenly."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read ``20/s``, ``10/min``, ``2/h`` or ``40/2s``; raises ValueError."""
        if (found := _WRITTEN.fullmatch(written)) is None:
            raise ValueError(f"{written!r} is no rate; write 20/s, 10/min, 2/h or 40/2s")
        return cls(int(found[1]), int(found[2] or 1) * _SECONDS[found[3]])

    def times(self, scale: float) -> Self:
        """The rate made wider or narrower, at least one call."""
        return type(self)(max(1, round(self.calls * scale)), self.seconds)

    @property
    def interval(self) -> float:
        """Seconds until one more call is free."""
        return self.seconds / self.calls
