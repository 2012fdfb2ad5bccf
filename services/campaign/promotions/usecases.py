"""Drafting, changing, starting and stopping full reductions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.campaign.promotions.domain import FullReduction
from services.campaign.promotions.storage import FullReductions
from shared.database import UnitOfWork
from shared.http.problems import NotFound

Change = tuple[FullReduction, FullReduction]
"""A rule before and after."""


async def draft_full_reduction(work: UnitOfWork, full_reduction: FullReduction, *, at: datetime) -> None:
    """Store a new rule that does not run yet."""
    await FullReductions(work.connection).insert(full_reduction, at=at)


async def change_full_reduction(
    work: UnitOfWork, full_reduction_id: UUID, changes: Mapping[str, Any], *, version: int, at: datetime
) -> Change:
    """Change fields of a rule read at ``version``.

    Raises NotFound, Invalid, IllegalStatus, ChangedMeanwhile.
    """
    before = await _locked(work, full_reduction_id)
    return await _saved(work, before, before.changed(changes, version=version), at=at)


async def start_full_reduction(work: UnitOfWork, full_reduction_id: UUID, *, at: datetime) -> Change:
    """Have a draft run within its window; raises NotFound, IllegalStatus."""
    before = await _locked(work, full_reduction_id)
    return await _saved(work, before, before.started(), at=at)


async def stop_full_reduction(work: UnitOfWork, full_reduction_id: UUID, *, at: datetime) -> Change:
    """End a rule for good; raises NotFound, IllegalStatus."""
    before = await _locked(work, full_reduction_id)
    return await _saved(work, before, before.stopped(), at=at)


async def _saved(work: UnitOfWork, before: FullReduction, after: FullReduction, *, at: datetime) -> Change:
    await FullReductions(work.connection).save(after, at=at)
    return before, after


async def _locked(work: UnitOfWork, full_reduction_id: UUID) -> FullReduction:
    full_reduction = await FullReductions(work.connection).lock(full_reduction_id)
    if full_reduction is None:
        raise NotFound()
    return full_reduction
