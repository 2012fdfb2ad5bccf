"""What was found a moment ago, found once for all who look for the same meanwhile."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

FRESH_SECONDS = 0.75
"""A quarter less than the second that is promised, for a loop that is late."""
MOST_KEPT = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Finding(Generic[T]):
    begun_at: float
    task: asyncio.Task[T]


class Fresh(Generic[T]):
    """Findings that began less than ``FRESH_SECONDS`` ago; one that fails is forgotten."""

    def __init__(self) -> None:
        self._findings: OrderedDict[Hashable, _Finding[T]] = OrderedDict()

    async def get(self, key: Hashable, find: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """What ``find`` found, and whether for somebody else; raises what it raised."""
        now = time.monotonic()
        finding = self._findings.get(key)
        is_shared = finding is not None and now - finding.begun_at < FRESH_SECONDS
        if finding is None or not is_shared:
            finding = _Finding(now, asyncio.create_task(find()))
            self._keep(key, finding)
        if finding.task.done():
            return finding.task.result(), is_shared
        return await asyncio.shield(finding.task), is_shared  # who gives up does not give up for the others

    def _keep(self, key: Hashable, finding: _Finding[T]) -> None:
        self._findings[key] = finding
        self._findings.move_to_end(key)
        if len(self._findings) > MOST_KEPT:
            self._findings.popitem(last=False)
        finding.task.add_done_callback(lambda task: self._ended(key, task))

    def _ended(self, key: Hashable, task: asyncio.Task[T]) -> None:
        finding = self._findings.get(key)
        if (
            finding is not None
            and finding.task is task
            and (task.cancelled() or task.exception() is not None)
        ):
            del self._findings[key]
