"""What people search for, gathered for a second and then written together: statistics, never worth a slow search."""

import asyncio
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.search.terms import SuggestionTerms
from services.catalog.search.words import MAX_QUERY, normalised
from shared.clock import shop_day
from shared.database import begin
from shared.pruning import OldRows

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MOST_WAITING = 2_000
REMEMBERED = 20
_PERSONAL = re.compile(r"[0-9]{7}|@")

_COUNT = text("""
    INSERT INTO search_queries (searched_on, query, searches, results)
    SELECT :searched_on, query, searches, results FROM unnest(CAST(:queries AS text[]),
           CAST(:searches AS integer[]), CAST(:results AS integer[])) AS q(query, searches, results) ORDER BY query
    ON CONFLICT (searched_on, query) DO UPDATE SET searches = search_queries.searches + excluded.searches,
           results = excluded.results""")
_REMEMBER = text("""
    INSERT INTO search_history (member_id, query, searched_at)
    SELECT member_id, query, :at FROM unnest(CAST(:member_ids AS uuid[]), CAST(:queries AS text[]))
           AS h(member_id, query) ORDER BY member_id, query
    ON CONFLICT (member_id, query) DO UPDATE SET searched_at = excluded.searched_at""")
_FORGET_OLD = text(f"""
    DELETE FROM search_history h USING (
      SELECT member_id, query, row_number() OVER (PARTITION BY member_id ORDER BY searched_at DESC, query) AS place
        FROM search_history WHERE member_id = ANY(:member_ids)) o
     WHERE h.member_id = o.member_id AND h.query = o.query AND o.place > {REMEMBERED}""")

_FORGET_COUNTS = text("""
    WITH old AS MATERIALIZED (
      SELECT searched_on, query FROM search_queries WHERE searched_on < CAST(now() - CAST(:kept AS interval) AS date)
       ORDER BY searched_on, query LIMIT :most
    ), gone AS (
      DELETE FROM search_queries q USING old WHERE q.searched_on = old.searched_on AND q.query = old.query
    )
    SELECT count(*), CAST(:after AS uuid) FROM old""")


@dataclass(slots=True)
class _Waiting:
    """Searches not written yet."""

    at: datetime
    searches: Counter[str] = field(default_factory=Counter)
    results: dict[str, int] = field(default_factory=dict)
    members: dict[tuple[UUID, str], None] = field(default_factory=dict)


def old_searches(kept: timedelta) -> OldRows:
    """The counts of searches that are forgotten, by their shop day: what is asked for changes with the season."""
    return OldRows("search_queries", kept, _FORGET_COUNTS)


class SearchLog:
    """Counts queries and those in vain, and remembers each member's latest; nothing that looks like personal data."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: _Waiting | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def note(self, query: str, *, results: int, member_id: UUID | None, at: datetime) -> None:
        """Remember that somebody searched."""
        query = normalised(query)[:MAX_QUERY]
        if not query or _PERSONAL.search(query):
            return
        if self._waiting is None:
            self._waiting = _Waiting(at)
            self._flushing = asyncio.create_task(self._flush_soon())
        if len(self._waiting.searches) < MOST_WAITING:
            self._waiting.searches[query] += 1
            self._waiting.results[query] = results
            if member_id is not None:
                self._waiting.members[member_id, query] = None

    async def flush(self) -> None:
        """Write what was gathered; when the database is away it is lost, and nothing else."""
        async with self._writing:
            waiting, self._waiting = self._waiting, None
            if waiting is None:
                return
            try:
                await self._write(waiting)
            except (SQLAlchemyError, OSError) as error:
                log.warning("searches not counted", extra={"error": repr(error)[:300]})

    async def close(self) -> None:
        """Write what is left."""
        await self.flush()
        if self._flushing is not None:
            self._flushing.cancel()

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FLUSH_SECONDS)
        await self.flush()

    async def _write(self, waiting: _Waiting) -> None:
        queries = list(waiting.searches)
        async with begin(self._engine) as work:
            await work.connection.execute(
                _COUNT,
                {
                    "searched_on": shop_day(waiting.at),
                    "queries": queries,
                    "searches": list(waiting.searches.values()),
                    "results": [waiting.results[query] for query in queries],
                },
            )
            await SuggestionTerms(work.connection).count_searches(dict(waiting.searches))
            if waiting.members:
                member_ids = [member_id for member_id, _ in waiting.members]
                values = {"member_ids": member_ids, "queries": [query for _, query in waiting.members]}
                await work.connection.execute(_REMEMBER, values | {"at": waiting.at})
                await work.connection.execute(_FORGET_OLD, {"member_ids": member_ids})
