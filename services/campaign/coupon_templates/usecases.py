"""Drafting, changing, starting and stopping templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.campaign.coupon_templates.domain import CouponTemplate
from services.campaign.coupon_templates.storage import CouponTemplates
from shared.database import UnitOfWork
from shared.http.problems import NotFound


async def draft_template(work: UnitOfWork, template: CouponTemplate, *, at: datetime) -> None:
    """Store a new template, not yet open for claims."""
    await CouponTemplates(work.connection).insert(template, at=at)


async def change_template(
    work: UnitOfWork, template_id: UUID, changes: Mapping[str, Any], *, version: int, at: datetime
) -> tuple[CouponTemplate, CouponTemplate]:
    """Change fields of a template read at ``version``; returns it before and after. Claimed coupons stay as they are.

    Raises NotFound, Invalid, IllegalStatus, ChangedMeanwhile, QuotaBelowIssued.
    """
    before = await _locked(work, template_id)
    after = before.changed(changes, version=version)
    await CouponTemplates(work.connection).save_version(after, at=at)
    return before, after


async def start_template(
    work: UnitOfWork, template_id: UUID, *, at: datetime
) -> tuple[CouponTemplate, CouponTemplate]:
    """Open a draft for claims; returns it before and after. Raises NotFound, IllegalStatus."""
    before = await _locked(work, template_id)
    after = before.started()
    await CouponTemplates(work.connection).save_status(after, at=at)
    return before, after


async def stop_template(
    work: UnitOfWork, template_id: UUID, *, at: datetime
) -> tuple[CouponTemplate, CouponTemplate]:
    """End the claiming, for good; returns the template before and after. Raises NotFound, IllegalStatus."""
    before = await _locked(work, template_id)
    after = before.stopped()
    await CouponTemplates(work.connection).save_status(after, at=at)
    return before, after


async def _locked(work: UnitOfWork, template_id: UUID) -> CouponTemplate:
    template = await CouponTemplates(work.connection).lock(template_id)
    if template is None:
        raise NotFound()
    return template
