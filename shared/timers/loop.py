"""Running due timers: each taken with a lease, run at least once, its effect once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from opentelemetry.trace import SpanKind
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock
from shared.database import UnitOfWork, committing_each, reading, transact
from shared.finishing import STOP_SECONDS, finish
from shared.telemetry import door_span
from shared.timers.rows import wake_on_commit
from shared.waiting import is_set

log = logging.getLogger(__name__)

R = TypeVar("R")

LOOK_SECONDS = 1.0
"""How often to look for timers that another process has set; those that are known are waited for."""
PAUSE_SECONDS = 0.25
BATCH = 32
LEASE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 300

_NEXT = text(
    "SELECT due_at FROM timers WHERE kind = ANY(:kinds) AND (leased_until IS NULL OR leased_until < now())"
    " ORDER BY due_at LIMIT 1"
)
_CLAIM = text(
    "UPDATE timers SET leased_until = now() + make_interval(secs => :lease), attempts = attempts + 1"
    " WHERE id = ANY(ARRAY("  # not IN: a plan may ask such a query again for each row, and take more than a batch
    " SELECT id FROM timers WHERE due_at <= :now AND kind = ANY(:kinds)"
    " AND (leased_until IS NULL OR leased_until < now())"
    " ORDER BY due_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
    " RETURNING id, kind, key, due_at, payload, attempts, generation, traceparent"
)
_DONE = text(
    "DELETE FROM timers t USING unnest(CAST(:ids AS uuid[]), CAST(:generations AS integer[])) AS r(id, generation)"
    " WHERE t.id = r.id AND t.generation = r.generation"
)
_AGAIN = text(
    "UPDATE timers t SET due_at = r.due_at, leased_until = NULL, attempts = 0"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:generations AS integer[]), CAST(:due_at AS timestamptz[]))"
    "  AS r(id, generation, due_at) WHERE t.id = r.id AND t.generation = r.generation"
)
_FAILED = text(
    "UPDATE timers SET leased_until = now() + make_interval(secs => :pause), last_error = :error"
    " WHERE id = :id AND generation = :generation"
)


@dataclass(frozen=True, slots=True)
class Timer:
    """A due timer; ``attempts`` counts from 1."""

    id: UUID
    kind: str
    key: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int
    generation: int
    traceparent: str | None


_Ran = tuple[Timer, datetime | None]
Run = Callable[[R, Timer], Awaitable[datetime | None]]
"""Runs a due timer: idempotent, may call others; returns when to run again, or None when it is done."""


class Timers(Generic[R]):
    """The timers of one capability, declared by decorators; ``R`` is what its functions need."""

    def __init__(self) -> None:
        self.all: dict[str, Run[R]] = {}

    def on(self, kind: str) -> Callable[[Run[R]], Run[R]]:
        """Run the function for each due timer of this kind."""

        def declare(run: Run[R]) -> Run[R]:
            self.all[kind] = run
            return run

        return declare


class TimerLoop(Generic[R]):
    """Runs due timers of one service until cancelled; many may run beside each other."""

    def __init__(self, engine: AsyncEngine, clock: Clock, resources: R, kinds: dict[str, Run[R]]) -> None:
        self._engine = engine
        self._clock = clock
        self._resources = resources
        self._kinds = kinds
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Run due timers until cancelled."""
        wake_on_commit(str(self._engine.url.database), self._wake)
        while True:
            self._woken.clear()
            try:
                pause = await self._seconds_to_next()
                if pause <= 0:
                    ran = await finish(self.run_due(), seconds=STOP_SECONDS)
                    pause = 0.0 if ran else PAUSE_SECONDS  # somebody else has just taken it
            except (SQLAlchemyError, OSError) as error:
                log.warning("timers unreachable", extra={"error": repr(error)[:300]})
                pause = LOOK_SECONDS
            await is_set(self._woken, within=min(pause, LOOK_SECONDS))

    async def _seconds_to_next(self) -> float:
        """How long until the next timer is due, in the cheapest statement there is for it."""
        async with reading(self._engine) as connection:
            found = await connection.execute(_NEXT, {"kinds": list(self._kinds)})
        due_at = found.scalar_one_or_none()
        return LOOK_SECONDS if due_at is None else (due_at - self._clock.now()).total_seconds()

    def _wake(self, due_at: datetime) -> None:
        if due_at <= self._clock.now() + timedelta(seconds=LOOK_SECONDS):
            self._woken.set()

    async def run_due(self) -> int:
        """Run what is due now, one batch; returns how many were taken."""
        async with committing_each(self._engine) as connection:
            rows = await connection.execute(
                _CLAIM,
                {
                    "now": self._clock.now(),
                    "kinds": list(self._kinds),
                    "lease": LEASE_SECONDS,
                    "batch": BATCH,
                },
            )
            due = sorted((Timer(*row) for row in rows), key=lambda timer: timer.due_at)
        ran = [each for each in await asyncio.gather(*map(self._run_one, due)) if each is not None]
        if ran:
            await transact(self._engine, lambda work: _finish(work, ran))
        return len(due)

    async def _run_one(self, timer: Timer) -> _Ran | None:
        """The timer with its next due time; None for one that failed, which is noted already."""
        with door_span(f"timer {timer.kind}", timer.traceparent, SpanKind.INTERNAL):
            try:
                async with asyncio.timeout(LEASE_SECONDS - 5):
                    return timer, await self._kinds[timer.kind](self._resources, timer)
            except Exception as error:
                await self._failed(timer, error)
                return None

    async def _failed(self, timer: Timer, error: Exception) -> None:
        about = {"kind": timer.kind, "key": timer.key, "attempts": timer.attempts}
        log.warning("timer failed", exc_info=error, extra=about)
        try:
            await transact(self._engine, lambda work: _pause(work, timer, error))
        except (SQLAlchemyError, OSError):
            log.warning("timers unreachable", extra=about)  # the lease runs out, and it is run again


async def _finish(work: UnitOfWork, ran: Sequence[_Ran]) -> None:
    """What ran is done or due again, all in one transaction; a timer that was set again meanwhile keeps its new due time."""
    ran = sorted(ran, key=lambda each: each[0].id)
    done = [(timer, due_at) for timer, due_at in ran if due_at is None]
    again = [(timer, due_at) for timer, due_at in ran if due_at is not None]
    if done:
        await work.connection.execute(_DONE, _keys(done))
    if again:
        values = _keys(again) | {"due_at": [due_at for _, due_at in again]}
        await work.connection.execute(_AGAIN, values)


def _keys(ran: Sequence[_Ran]) -> dict[str, Any]:
    return {
        "ids": [timer.id for timer, _ in ran],
        "generations": [timer.generation for timer, _ in ran],
    }


async def _pause(work: UnitOfWork, timer: Timer, error: Exception) -> None:
    """A timer that failed waits longer each time."""
    await work.connection.execute(
        _FAILED,
        {
            "id": timer.id,
            "generation": timer.generation,
            "pause": min(LONGEST_PAUSE_SECONDS, 2 ** min(timer.attempts, 10)),
            "error": ascii(error)[:2000],
        },
    )
