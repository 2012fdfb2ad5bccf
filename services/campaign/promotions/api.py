"""HTTP for full reductions."""

from uuid import UUID

from services.campaign.lifecycle import Status
from services.campaign.promotions.bodies import FullReductionChange, FullReductionCreate
from services.campaign.promotions.storage import FullReductions
from services.campaign.promotions.usecases import (
    Change,
    change_full_reduction,
    draft_full_reduction,
    start_full_reduction,
    stop_full_reduction,
)
from services.campaign.promotions.views import FullReductionView, PromotionView
from services.campaign.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.callers import AnyOperator, Editor
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["promotions"])


@router.get("/promotions")
async def list_promotions(
    resources: Own, now: Now, after: After = None, limit: Limit = 20
) -> Page[PromotionView]:
    """The promotions that run now, newest first."""
    async with reading(resources.engine) as connection:
        found = await FullReductions(connection).running_page(
            at=now, before=before_id(after), limit=limit + 1
        )
    return page_of([PromotionView.of(each) for each in found], limit, place=lambda each: each.promotion_id)


@router.get("/operator/full-reductions")
async def list_full_reductions(
    caller: AnyOperator, resources: Own, status: Status | None = None, after: After = None, limit: Limit = 20
) -> Page[FullReductionView]:
    """All full reductions, newest first."""
    async with reading(resources.engine) as connection:
        found = await FullReductions(connection).page(before=before_id(after), status=status, limit=limit + 1)
    return page_of(
        [FullReductionView.of(each) for each in found], limit, place=lambda each: each.full_reduction_id
    )


@router.post("/operator/full-reductions", status_code=201)
async def create_full_reduction(
    body: FullReductionCreate, caller: Editor, work: Work, now: Now
) -> FullReductionView:
    """Draft a full reduction; it lowers nothing until it is started."""
    full_reduction = body.full_reduction()
    await draft_full_reduction(work, full_reduction, at=now)
    view = FullReductionView.of(full_reduction)
    subject = f"full-reduction/{full_reduction.id}"
    await work.audit_log.record("full-reduction.create", subject, by=caller, at=now, after=view)
    return view


@router.patch("/operator/full-reductions/{full_reduction_id}")
async def update_full_reduction(
    full_reduction_id: UUID, body: FullReductionChange, caller: Editor, work: Work, now: Now
) -> FullReductionView:
    """Change the given fields for carts priced from now on."""
    change = await change_full_reduction(
        work, full_reduction_id, body.changes(), version=body.version, at=now
    )
    return await _recorded(work, caller, "full-reduction.change", change, now)


@router.post("/operator/full-reductions/{full_reduction_id}/start")
async def start(full_reduction_id: UUID, caller: Editor, work: Work, now: Now) -> FullReductionView:
    """Have a draft run within its window."""
    change = await start_full_reduction(work, full_reduction_id, at=now)
    return await _recorded(work, caller, "full-reduction.start", change, now)


@router.post("/operator/full-reductions/{full_reduction_id}/stop")
async def stop(full_reduction_id: UUID, caller: Editor, work: Work, now: Now) -> FullReductionView:
    """End a full reduction, for good."""
    change = await stop_full_reduction(work, full_reduction_id, at=now)
    return await _recorded(work, caller, "full-reduction.stop", change, now)


async def _recorded(work: Work, caller: Editor, action: str, change: Change, now: Now) -> FullReductionView:
    before, after = map(FullReductionView.of, change)
    subject = f"full-reduction/{after.full_reduction_id}"
    await work.audit_log.record(action, subject, by=caller, at=now, before=before, after=after)
    return after
