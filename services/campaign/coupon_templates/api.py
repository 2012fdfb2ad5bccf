"""HTTP for templates: what can be claimed, and what operators do about it."""

from uuid import UUID

from services.campaign.coupon_templates.bodies import CouponTemplateChange, CouponTemplateCreate
from services.campaign.coupon_templates.queries import claimable_templates
from services.campaign.coupon_templates.storage import CouponTemplates
from services.campaign.coupon_templates.usecases import (
    Change,
    change_template,
    draft_template,
    start_template,
    stop_template,
)
from services.campaign.coupon_templates.views import ClaimableTemplate, CouponTemplateView
from services.campaign.lifecycle import Status
from services.campaign.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.callers import AnyCaller, AnyOperator, Editor
from shared.http.identity import Kind
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["coupons"])


@router.get("/coupon-templates")
async def list_claimable_templates(
    caller: AnyCaller, resources: Own, now: Now, after: After = None, limit: Limit = 20
) -> Page[ClaimableTemplate]:
    """The coupons that can be claimed now, newest first, and how many of each the caller has."""
    member_id = caller.subject if caller.kind is Kind.MEMBER else None
    async with reading(resources.engine) as connection:
        items = await claimable_templates(
            connection, member_id=member_id, at=now, before=before_id(after), limit=limit + 1
        )
    return page_of(items, limit, place=lambda each: each.template_id)


@router.get("/operator/coupon-templates")
async def list_templates(
    caller: AnyOperator, resources: Own, status: Status | None = None, after: After = None, limit: Limit = 20
) -> Page[CouponTemplateView]:
    """All templates, newest first."""
    async with reading(resources.engine) as connection:
        found = await CouponTemplates(connection).page(
            before=before_id(after), status=status, limit=limit + 1
        )
    return page_of(
        [CouponTemplateView.of(each) for each in found], limit, place=lambda each: each.template_id
    )


@router.post("/operator/coupon-templates", status_code=201)
async def create_template(
    body: CouponTemplateCreate, caller: Editor, work: Work, now: Now
) -> CouponTemplateView:
    """Draft a template; nobody can claim from it until it is started."""
    template = body.template()
    await draft_template(work, template, at=now)
    view = CouponTemplateView.of(template)
    await work.audit_log.record(
        "coupon-template.create", f"coupon-template/{template.id}", by=caller, at=now, after=view
    )
    return view


@router.patch("/operator/coupon-templates/{template_id}")
async def update_template(
    template_id: UUID, body: CouponTemplateChange, caller: Editor, work: Work, now: Now
) -> CouponTemplateView:
    """Change the given fields for coupons claimed from now on."""
    change = await change_template(work, template_id, body.changes(), version=body.version, at=now)
    return await _recorded(work, caller, "coupon-template.change", change, now)


@router.post("/operator/coupon-templates/{template_id}/start")
async def start(template_id: UUID, caller: Editor, work: Work, now: Now) -> CouponTemplateView:
    """Open a draft for claims."""
    change = await start_template(work, template_id, at=now)
    return await _recorded(work, caller, "coupon-template.start", change, now)


@router.post("/operator/coupon-templates/{template_id}/stop")
async def stop(template_id: UUID, caller: Editor, work: Work, now: Now) -> CouponTemplateView:
    """Close a template for claims, for good."""
    change = await stop_template(work, template_id, at=now)
    return await _recorded(work, caller, "coupon-template.stop", change, now)


async def _recorded(work: Work, caller: Editor, action: str, change: Change, now: Now) -> CouponTemplateView:
    before, after = map(CouponTemplateView.of, change)
    subject = f"coupon-template/{after.template_id}"
    await work.audit_log.record(action, subject, by=caller, at=now, before=before, after=after)
    return after
