"""Forgetting what served to do things once: events that were sent, claims of events, answers kept under a key (K8).

What is a book is never forgotten. Events and claims go in two steps: a pass marks up to where it will forget, and only a
later one, at least ten minutes after, deletes what lies below. No transaction lives so long (K17), so whoever claims an
event sees the mark before an earlier claim of it can be gone. What comes from below the mark is parked, not applied
(`Inbox.claim`). How long is long enough: docs/architecture/data.md.
"""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import committing_each
from shared.ids import first_id, instant_of

log = logging.getLogger(__name__)

PASS_SECONDS = 900.0
BATCH = 2_000
TOLD_ROWS = 100_000
OUTBOX, KEYS = "outbox", "idempotency_keys"
NOTHING = UUID(int=0)

_RIPE = text("SELECT what, below FROM pruned WHERE since <= now() - interval '10 minutes'")
_OLD_EVENTS = text(
    "WITH old AS MATERIALIZED (SELECT id, event_id FROM outbox WHERE event_id > :after AND event_id < :below"
    "  AND created_at < :until AND sent_at IS NOT NULL ORDER BY event_id LIMIT :most),"
    " gone AS (DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM old)))"
    " SELECT count(*), (array_agg(event_id ORDER BY event_id DESC))[1] FROM old"
)
_OLD_CLAIMS = text("SELECT many, last_id FROM prune_inbox(:reaction, :after, :most)")
_OLD_KEYS = text(
    "WITH old AS MATERIALIZED (SELECT key FROM idempotency_keys WHERE created_at < now() - CAST(:kept AS interval)"
    "  ORDER BY created_at LIMIT :most),"
    " gone AS (DELETE FROM idempotency_keys WHERE key = ANY(ARRAY(SELECT key FROM old)))"
    " SELECT count(*), CAST(:after AS uuid) FROM old"
)
_NEWEST = text(
    "SELECT now(), (SELECT event_id FROM inbox WHERE reaction = :reaction ORDER BY event_id DESC LIMIT 1)"
)
_MARK = (
    "INSERT INTO pruned (what, below) SELECT CAST(:what AS text), CAST(:below AS uuid)"
    " WHERE ({oldest} AND event_id >= coalesce((SELECT p.below FROM pruned p WHERE p.what = :what), :first)"
    "  ORDER BY event_id LIMIT 1) < :below"  # not EXISTS: a plan may look for such a row from any end
    " ON CONFLICT (what) DO UPDATE SET below = excluded.below, since = now() WHERE pruned.below < excluded.below"
)
_MARK_EVENTS = text(_MARK.format(oldest="SELECT event_id FROM outbox WHERE sent_at IS NOT NULL"))
_MARK_CLAIMS = text(_MARK.format(oldest="SELECT event_id FROM inbox WHERE reaction = :what"))


@dataclass(frozen=True, slots=True)
class OldRows:
    """Rows that are forgotten by their age alone: how long they are kept, and the statement that deletes the oldest.

    It deletes at most ``:most`` rows older than ``:kept``, and tells how many there were and ``:after``.
    """

    what: str
    kept: timedelta
    delete: TextClause


@dataclass(frozen=True, slots=True)
class Kept:
    """How long what was sent and claimed is kept, and how long answers under a key."""

    events: timedelta = timedelta(days=400)
    answers: timedelta = timedelta(days=30)


class Pruner:
    """Prunes one service's database, ``own`` rows of it too; any number of them may run beside each other."""

    def __init__(
        self, engine: AsyncEngine, reactions: Sequence[str], kept: Kept, own: Sequence[OldRows] = ()
    ) -> None:
        self._engine = engine
        self._reactions = reactions
        self._kept = kept
        self._old_rows = (OldRows(KEYS, kept.answers, _OLD_KEYS), *own)

    async def run(self) -> None:
        """Prune every quarter of an hour until cancelled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * PASS_SECONDS)
            try:
                await self.prune()
            except (SQLAlchemyError, OSError) as error:
                log.warning("pruning put off", extra={"error": repr(error)[:300]})

    async def prune(self) -> Mapping[str, int]:
        """One pass: delete what an earlier one marked, then mark anew; returns how many rows of what are gone."""
        async with committing_each(self._engine) as connection:
            ripe = {row.what: row.below for row in await connection.execute(_RIPE)}
        gone = {
            old.what: await self._delete(old.what, old.delete, {"kept": old.kept}) for old in self._old_rows
        }
        if OUTBOX in ripe:
            below = ripe[
                OUTBOX
            ]  # what was announced later, from a cause before it, is still to be found by its instant
            gone[OUTBOX] = await self._delete(
                OUTBOX, _OLD_EVENTS, {"below": below, "until": instant_of(below)}
            )
        for reaction in self._reactions:
            if reaction in ripe:
                gone[reaction] = await self._delete(reaction, _OLD_CLAIMS, {"reaction": reaction})
        await self._mark()
        return gone

    async def _delete(self, what: str, statement: Any, values: Mapping[str, Any]) -> int:
        """Delete batch by batch, resting as long as each took: never more than half a connection's time."""
        done, after = 0, NOTHING
        while True:
            began = time.monotonic()
            async with committing_each(self._engine) as connection:
                found = await connection.execute(statement, {**values, "after": after, "most": BATCH})
                many, last = found.one()
            done += int(many)
            if many and (many < BATCH or done % TOLD_ROWS == 0):
                log.info("pruned", extra={"what": what, "rows": done})
            if many < BATCH:
                return done
            after = last or after
            await asyncio.sleep(time.monotonic() - began)

    async def _mark(self) -> None:
        """Say up to where the next passes delete: a reaction forgets by the newest event it was given, not by the clock.

        So a reaction that was away for long knows everything still when its queue begins to move.
        """
        for reaction in self._reactions:
            async with committing_each(self._engine) as connection:
                now, newest = (await connection.execute(_NEWEST, {"reaction": reaction})).one()
                if newest is not None:
                    below = first_id(min(now, instant_of(newest)) - self._kept.events)
                    await connection.execute(
                        _MARK_CLAIMS, {"what": reaction, "below": below, "first": NOTHING}
                    )
        async with committing_each(self._engine) as connection:
            now = (await connection.execute(text("SELECT now()"))).scalar_one()
            below = first_id(now - self._kept.events)
            await connection.execute(_MARK_EVENTS, {"what": OUTBOX, "below": below, "first": NOTHING})
