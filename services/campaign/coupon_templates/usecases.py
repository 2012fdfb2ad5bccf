"""Drafting, changing, starting and stopping templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.campaign.coupon_templates.domain import CouponTemplate
from services.campaign.coupon_templates.storage import CouponTemplates
from shared.database import UnitOfWork
from shared.http.problems import NotFound

Change = tuple[CouponTemplate, CouponTemplate]
"""A template before and after."""


async def draft_template(work: UnitOfWork, template: CouponTemplate, *, at: datetime) -> None:
    """Store a new template, not yet open for claims."""
    await CouponTemplates(work.connection).insert(template, at=at)


async def change_template(
    work: UnitOfWork, template_id: UUID, changes: Mapping[str, Any], *, version: int, at: datetime
) -> Change:
    """Change fields of a template read at ``version``; claimed coupons stay as they are.

    Raises NotFound, Invalid, IllegalStatus, ChangedMeanwhile, QuotaBelowIssued.
    """
    before = await _locked(work, template_id)
    after = before.changed(changes, version=version)
    await CouponTemplates(work.connection).save_version(after, at=at)
    return before, after


async def start_template(work: UnitOfWork, template_id: UUID, *, at: datetime) -> Change:
    """Open a draft for claims; raises NotFound, IllegalStatus."""
    before = await _locked(work, template_id)
    return await _moved(work, before, before.started(), at=at)


async def stop_template(work: UnitOfWork, template_id: UUID, *, at: datetime) -> Change:
    """End the claiming, for good; raises NotFound, IllegalStatus."""
    before = await _locked(work, template_id)
    return await _moved(work, before, before.stopped(), at=at)


async def _moved(work: UnitOfWork, before: CouponTemplate, after: CouponTemplate, *, at: datetime) -> Change:
    await CouponTemplates(work.connection).save_status(after, at=at)
    return before, after


async def _locked(work: UnitOfWork, template_id: UUID) -> CouponTemplate:
    template = await CouponTemplates(work.connection).lock(template_id)
    if template is None:
        raise NotFound()
    return template
