"""The hot words of the week, counted once a minute: the home page must not add up a week of searches for everybody."""

import time
from datetime import datetime, timedelta

from services.catalog.search.queries import hot_queries
from shared.clock import shop_day
from shared.connection import Connection

HOT_DAYS = 7
HOT_WORDS = 10
FRESH_SECONDS = 60.0


class HotWords:
    """What people searched for most in the last week, and found."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._fresh_until = 0.0

    async def top(self, connection: Connection, *, at: datetime) -> list[str]:
        """At most ten words, the most wanted first; up to a minute old."""
        if time.monotonic() >= self._fresh_until:
            self._fresh_until = time.monotonic() + FRESH_SECONDS
            since = shop_day(at) - timedelta(days=HOT_DAYS)
            self._words = await hot_queries(connection, since=since, limit=HOT_WORDS)
        return self._words

    def forget(self) -> None:
        """Count again when next asked."""
        self._fresh_until = 0.0
