"""Holding each caller to its rates, and each member to so many requests at once (SEC7)."""

import asyncio
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from opentelemetry import metrics
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.limits import storage
from gateway.limits.buckets import Buckets
from gateway.limits.rates import Limit
from gateway.settings import Settings
from shared.database import is_passing
from shared.http.problems import Problem
from shared.together import Together

log = logging.getLogger(__name__)

SHARED = {Limit.LOGIN, Limit.ORDER, Limit.CLAIM}
"""Scarce enough for a statement; the others are counted by each gateway for itself."""
STORE_SECONDS = 0.5
"""So long the shared store may take."""
ALONE_SECONDS = 2.0
"""So long it is left alone after it did not answer."""


class TooManyRequests(Problem):
    """The caller asks more often than it may; ``Retry-After`` says when the next call is free."""

    slug, title, status = "too-many-requests", "Too many requests", 429


class CallerLimits:
    """What every caller has left."""

    def __init__(self, settings: Settings, engine: AsyncEngine, buckets: Buckets) -> None:
        self._rates = settings.rates
        self._most_at_once = settings.member_requests_at_once
        self._buckets = buckets
        self._engine = engine
        self._shared = {limit: Together(partial(self._take_all, limit)) for limit in SHARED}
        self._at_once: dict[UUID, int] = {}
        self._alone_until = 0.0
        self._refused = metrics.get_meter("jishi").create_counter("jishi.requests.limited")

    async def count(self, limit: Limit, caller: str) -> None:
        """Count a request of somebody (an id or an address); raises TooManyRequests.

        A shared rate is asked of this process first: what it has refused by itself costs no statement. What the store
        tells is remembered here, so that this process goes on from there while the store is away.
        """
        key, rate = (limit, caller), self._rates[limit]
        wait = self._buckets.take(key, rate)
        if wait == 0.0 and limit in SHARED and (taken := await self._take(limit, caller)) is not None:
            self._buckets.learn(key, full_in=taken.full_in)
            if not taken.is_granted:
                wait = taken.full_in + rate.interval - rate.seconds
        if wait > 0.0:
            self._refused.add(1, {"limit": limit.value})
            raise TooManyRequests(
                f"At most {rate.calls} in {rate.seconds:.0f} s.",
                headers={"retry-after": str(max(1, math.ceil(wait)))},
                limit=limit.value,
            )

    @contextmanager
    def one_more(self, member_id: UUID) -> Iterator[None]:
        """A member's request while it runs; raises TooManyRequests when too many do already."""
        running = self._at_once.get(member_id, 0)
        if running >= self._most_at_once:
            self._refused.add(1, {"limit": "at-once"})
            raise TooManyRequests(
                f"At most {self._most_at_once} at the same time.",
                headers={"retry-after": "1"},
                limit="at-once",
            )
        self._at_once[member_id] = running + 1
        try:
            yield
        finally:
            left = self._at_once.pop(member_id) - 1
            if left:
                self._at_once[member_id] = left

    async def _take(self, limit: Limit, caller: str) -> storage.Taken | None:
        """Ask the shared store; None while it is away."""
        if time.monotonic() < self._alone_until:
            return None
        try:
            return await self._shared[limit].get(caller)
        except Exception as error:
            if not is_passing(error):
                raise
            self._alone_until = time.monotonic() + ALONE_SECONDS
            log.warning("shared rate limits away", extra={"error": repr(error)[:300]})
            return None

    async def _take_all(self, limit: Limit, callers: Sequence[str]) -> dict[str, storage.Taken]:
        async with asyncio.timeout(STORE_SECONDS):
            return await storage.take(self._engine, limit, self._rates[limit], callers)
