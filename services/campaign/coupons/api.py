"""HTTP for members' coupons, and for the orders that lock them."""

from uuid import UUID

from starlette.responses import Response

from services.campaign.coupons.claim_coupon import claim_coupon
from services.campaign.coupons.domain import CouponState
from services.campaign.coupons.lock_storage import LockState
from services.campaign.coupons.order_coupons import lock_coupon, release_coupon
from services.campaign.coupons.queries import coupon_view, coupons_of
from services.campaign.coupons.views import CouponLockView, CouponReleaseView, CouponView
from services.campaign.resources import Own
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id
from shared.http.callers import FromOrder, Member
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["coupons"])


class CouponLockPut(Body):
    """Which coupon of whose an order wants."""

    member_id: Id
    coupon_id: Id


@router.post("/coupon-templates/{template_id}/claim", status_code=201, response_model=CouponView)
async def claim(template_id: UUID, caller: Member, resources: Own, key: Idempotent, now: Now) -> Response:
    """Claim a coupon; needs an Idempotency-Key."""

    async def do(work: UnitOfWork) -> CouponView:
        coupon_id = await claim_coupon(work, template_id, caller.member_id, at=now)
        return await coupon_view(work.connection, coupon_id, at=now)

    return await once(resources.engine, key, do)


@router.get("/me/coupons")
async def list_my_coupons(
    caller: Member,
    resources: Own,
    now: Now,
    state: CouponState | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[CouponView]:
    """The caller's coupons, newest first."""
    async with reading(resources.engine) as connection:
        items = await coupons_of(
            connection, caller.member_id, state=state, at=now, before=before_id(after), limit=limit + 1
        )
    return page_of(items, limit, place=lambda each: each.coupon_id)


@router.put("/internal/coupon-locks/{order_id}")
async def lock(
    order_id: UUID, body: CouponLockPut, caller: FromOrder, work: Work, now: Now
) -> CouponLockView:
    """Hold a coupon for an order; asked again, the same answer."""
    state = await lock_coupon(work, order_id, coupon_id=body.coupon_id, member_id=body.member_id, at=now)
    return CouponLockView(order_id=order_id, coupon_id=body.coupon_id, state=state)


@router.post("/internal/coupon-locks/{order_id}/release")
async def release(order_id: UUID, caller: FromOrder, work: Work, now: Now) -> CouponReleaseView:
    """Let an order's coupon go; an order that never locked one never will."""
    await release_coupon(work, order_id, at=now)
    return CouponReleaseView(order_id=order_id, state=LockState.RELEASED)
