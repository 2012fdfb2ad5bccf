"""Running the clauses over one snapshot, or two under traffic, and moving the checkpoint on."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import asyncpg

from audit.advance import advanced, reopened
from audit.books import Books, Unreachable
from audit.checkpoints import Checkpoint
from audit.clause import Clause, Finding, Group, Kind, NotChecked
from audit.databases import Place, Snapshots, fingerprints, snapshots

QUIET_FOR = timedelta(seconds=120)
AGAIN_AFTER_SECONDS = 5.0
MOST_FINDINGS = 1_000
"""So many findings of a clause are told; the rest is counted."""


class Mode(StrEnum):
    """Whether the shop is in use."""

    LIVE = "live"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one clause: findings, or why it was not checked (``skipped``: for a reason that is no fault)."""

    clause: Clause
    findings: tuple[Finding, ...] = ()
    more: int = 0
    failed: str | None = None
    skipped: str | None = None
    rows: int = 0
    seconds: float = 0.0

    @property
    def holds_back(self) -> bool:
        """Whether the checkpoint must stay where it is: what is not checked here for a reason does not hold it back."""
        return bool(self.findings) or self.failed is not None


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run, and where the next one may begin."""

    outcomes: Sequence[Outcome]
    checkpoint: Checkpoint | None

    @property
    def exit_code(self) -> int:
        """0 clean, 1 violations, 2 could not check."""
        if any(outcome.findings for outcome in self.outcomes):
            return 1
        return 2 if any(outcome.failed for outcome in self.outcomes) else 0


Progress = Callable[[Outcome], None]
ReadCheckpoint = Callable[[Mapping[str, str]], Checkpoint]


async def audit(
    place: Place,
    clauses: Sequence[Clause],
    *,
    mode: Mode,
    read_checkpoint: ReadCheckpoint,
    progress: Progress = lambda _: None,
) -> Result:
    """Check the clauses; under traffic what R clauses find counts only if a second snapshot says so too."""
    async with snapshots(place) as taken:
        checkpoint = read_checkpoint(await fingerprints(taken.connections))
        result = await check(taken, clauses, place=place, mode=mode, checkpoint=checkpoint, progress=progress)
    doubtful = [outcome.clause for outcome in result.outcomes if _is_doubtful(outcome)]
    if mode is Mode.REST or not doubtful:
        return result
    await asyncio.sleep(AGAIN_AFTER_SECONDS)
    async with snapshots(place) as taken:
        again = await check(taken, doubtful, place=place, mode=mode, checkpoint=checkpoint, progress=progress)
    confirmed = {outcome.clause.id: outcome for outcome in again.outcomes}
    return replace(
        result,
        outcomes=[_agreed(outcome, confirmed.get(outcome.clause.id)) for outcome in result.outcomes],
    )


async def check(
    taken: Snapshots,
    clauses: Sequence[Clause],
    *,
    place: Place,
    mode: Mode,
    checkpoint: Checkpoint,
    progress: Progress = lambda _: None,
) -> Result:
    """Check the clauses over these snapshots; the checkpoint of the result is as far as each group was clean."""
    books: dict[str, Books] = {}
    outcomes = []
    for clause in clauses:
        group = clause.group or ""
        if group not in books:
            position = checkpoint.position(group)
            books[group] = Books(
                connections=taken.connections,
                unreachable=taken.unreachable,
                position=position,
                orders=position.orders,
                now=taken.now,
                quiet_at=taken.now - QUIET_FOR if mode is Mode.LIVE else None,
                is_running=place.is_running,
                field_keys=place.field_keys,
            )
            if group == Group.ORDERS:
                books[group].orders += await reopened(books[group])
        outcome = await _run(clause, books[group])
        outcomes.append(outcome)
        progress(outcome)
    positions = dict(checkpoint.positions)
    for group, group_books in books.items():
        mine = [outcome for outcome in outcomes if (outcome.clause.group or "") == group]
        if group and not any(outcome.holds_back for outcome in mine):
            positions[group] = await advanced(group, group_books)
    return Result(outcomes, replace(checkpoint, positions=positions))


async def _run(clause: Clause, books: Books) -> Outcome:
    began, before = time.monotonic(), books.rows_read
    findings: list[Finding] = []
    more = 0
    told: dict[str, Any] = {}
    try:
        async with AsyncExitStack() as savepoints:
            for service in clause.services:
                await savepoints.enter_async_context(books.connection(service).transaction())
            async for found in clause.check(books):
                if len(findings) < MOST_FINDINGS:
                    findings.append(found)
                else:
                    more += 1
    except NotChecked as reason:
        told = {"skipped": str(reason)}
    except (Unreachable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        told = {"failed": f"{type(error).__name__}: {error}"}
    rows = books.rows_read - before
    return Outcome(clause, tuple(findings), more, rows=rows, seconds=time.monotonic() - began, **told)


def _is_doubtful(outcome: Outcome) -> bool:
    return outcome.clause.kind is Kind.REST and bool(outcome.findings)


def _agreed(first: Outcome, second: Outcome | None) -> Outcome:
    """What both samples found; the words of the second."""
    if second is None:
        return first
    known = {found.keys for found in first.findings}
    both = tuple(found for found in second.findings if found.keys in known)
    return replace(second, findings=both, more=second.more if both else 0)
