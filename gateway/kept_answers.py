"""Pages that are the same for everybody are fetched once for all who ask within a moment, and kept a while for bad times.

- *Fresh*: for ``FRESH_SECONDS``, counted from before the fetch began, an answer is given at once. So nobody sees a page as
  it was more than a second ago, and an operator sees what she changed through this gateway at once.
- *Together*: what many ask for at the same moment is fetched once.
- *Stale*: while its service is away or too busy, the last answer is given, at most a minute old (4.E).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.http.connections import Headers

FRESH_SECONDS = 0.75
"""A quarter less than the second that is promised, for a loop that is late."""
KEEP_SECONDS = 60.0
MOST_ANSWERS = 2_000
MOST_BYTES = 256 * 1024
"""A longer answer is not kept."""
MOST_BYTES_IN_ALL = 64 * 1024 * 1024

FRESH = b"gateway; hit"
AWAY = b"gateway; hit; detail=stale-if-error"
BUSY = b"gateway; hit; detail=stale-while-busy"
TOGETHER = b"gateway; fwd=miss; collapsed"
"""Why an answer came from here, in the words of RFC 9211."""

Key = tuple[str, bytes]
"""Path and query under which an answer is kept."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A good answer as it leaves the gateway, and when fetching it began (``time.monotonic``)."""

    headers: Headers
    body: bytes
    begun_at: float

    @property
    def age(self) -> bytes:
        """Its age in whole seconds, for a header."""
        return b"%d" % (time.monotonic() - self.begun_at)


@dataclass(frozen=True, slots=True)
class _Fetch:
    """An answer on its way."""

    begun_at: float
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class KeptAnswers:
    """The last good answers by path and query."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, KeptAnswer] = OrderedDict()
        self._bytes = 0
        self._fetches: dict[Key, _Fetch] = {}
        self._changed_at = 0.0

    def fresh(self, key: Key) -> KeptAnswer | None:
        """What may be given without asking."""
        found = self._kept.get(key)
        return found if found is not None and self._is_fresh(found.begun_at) else None

    def stale(self, key: Key) -> KeptAnswer | None:
        """What was answered lately."""
        found = self._kept.get(key)
        return found if found is not None and time.monotonic() - found.begun_at < KEEP_SECONDS else None

    def shop_changed(self) -> None:
        """What was fetched, or began to be, before now is fresh no more."""
        self._changed_at = time.monotonic()

    def keep(self, key: Key, answer: KeptAnswer) -> None:
        """Remember an answer instead of an older one; the oldest are forgotten when there are too many."""
        if (found := self._kept.get(key)) is not None and found.begun_at > answer.begun_at:
            return
        self._forget(key)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while len(self._kept) > MOST_ANSWERS or self._bytes > MOST_BYTES_IN_ALL:
            self._forget(next(iter(self._kept)))

    @contextmanager
    def fetching(self, key: Key) -> Iterator[float]:
        """Within the block an answer is fetched for all who ask for it from now on; gives the moment of now."""
        fetch = self._fetches[key] = _Fetch(time.monotonic())
        try:
            yield fetch.begun_at
        finally:
            fetch.ended.set()
            if self._fetches.get(key) is fetch:
                del self._fetches[key]

    async def fetched_by_another(self, key: Key) -> KeptAnswer | None:
        """The good answer that somebody else has just begun to fetch; None when nobody has, or it came to nothing."""
        fetch = self._fetches.get(key)
        if fetch is None or not self._is_fresh(fetch.begun_at):
            return None
        await fetch.ended.wait()
        found = self._kept.get(key)
        return found if found is not None and found.begun_at >= fetch.begun_at else None

    def _is_fresh(self, begun_at: float) -> bool:
        return begun_at > self._changed_at and time.monotonic() - begun_at < FRESH_SECONDS

    def _forget(self, key: Key) -> None:
        if (found := self._kept.pop(key, None)) is not None:
            self._bytes -= len(found.body)
