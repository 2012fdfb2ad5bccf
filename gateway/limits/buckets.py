"""Token buckets in the memory of one process, each a single number: the moment at which it is full again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from gateway.limits.rates import Rate

MOST_BUCKETS = 100_000
"""About 20 MB; the bucket that was used longest ago makes room, and starts full when its caller comes again."""

_ROUNDING = 1e-6


class Buckets:
    """One bucket a key; ``now`` tells monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, rate: Rate) -> float:
        """Take one call: 0 when it was there, else the seconds until it will be, and nothing is taken."""
        now = self._now()
        full_at = max(self._full_at.get(key, now), now) + rate.interval
        if (wait := full_at - now - rate.seconds) > _ROUNDING:
            return wait
        self._put(key, full_at)
        return 0.0

    def learn(self, key: Hashable, *, full_in: float) -> None:
        """A bucket is not full before so many seconds, as somebody knows who has seen more of it."""
        full_at = self._now() + full_in
        self._put(key, max(full_at, self._full_at.get(key, full_at)))

    def _put(self, key: Hashable, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > MOST_BUCKETS:
            self._full_at.popitem(last=False)

    def __len__(self) -> int:
        return len(self._full_at)
