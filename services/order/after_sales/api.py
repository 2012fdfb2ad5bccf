"""After-sale over HTTP for members (OR-10, OR-04)."""

from uuid import UUID

from fastapi import Response

from services.order.after_sales.bodies import AfterSaleAmend, AfterSaleCreate, MessageCreate
from services.order.after_sales.domain import AfterSaleStatus, Waybill
from services.order.after_sales.negotiation import require_open, said_about, say
from services.order.after_sales.queries import AfterSaleFilter, page_of_after_sales
from services.order.after_sales.replace_units import confirm_replacement
from services.order.after_sales.request_after_sale import (
    amend_after_sale,
    cancel_after_sale,
    escalate_after_sale,
    request_after_sale,
)
from services.order.after_sales.return_goods import send_back
from services.order.after_sales.storage import AfterSales
from services.order.after_sales.views import (
    AfterSaleDetailView,
    AfterSaleView,
    MessageView,
    SentMessageView,
    detail,
)
from services.order.orders.domain import actor_of
from services.order.resources import Own
from services.order.shipments.waybills import WaybillBody
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.callers import Member
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["after-sale"])


@router.post("/orders/{order_id}/after-sales", status_code=201, response_model=AfterSaleDetailView)
async def request(
    order_id: UUID, body: AfterSaleCreate, caller: Member, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Ask for a refund, a return or an exchange of units of the caller's order."""

    async def do(work: UnitOfWork) -> AfterSaleDetailView:
        made = await request_after_sale(
            work, resources.field_keys, order_id, body.wish(), caller=caller, at=now
        )
        return await detail(work.connection, made)

    return await once(resources.engine, key, do)


@router.get("/after-sales")
async def list_after_sales(
    caller: Member,
    resources: Own,
    order_id: UUID | None = None,
    status: AfterSaleStatus | None = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[AfterSaleView]:
    """The caller's requests, latest first."""
    wanted = AfterSaleFilter(order_id=order_id, status=status, member_id=caller.member_id)
    async with reading(resources.engine) as connection:
        found = await page_of_after_sales(connection, wanted, before=before_id(after), limit=limit + 1)
    return page_of([AfterSaleView.of(each) for each in found], limit, place=lambda each: each.after_sale_id)


@router.get("/after-sales/{after_sale_id}")
async def get_after_sale(after_sale_id: UUID, caller: Member, resources: Own) -> AfterSaleDetailView:
    """One of the caller's requests in full."""
    async with reading(resources.engine) as connection:
        found = await AfterSales(connection).find(after_sale_id, member_id=caller.member_id)
        return await detail(connection, found)


@router.get("/after-sales/{after_sale_id}/messages")
async def list_messages(
    after_sale_id: UUID, caller: Member, resources: Own, limit: Limit = 20, after: After = None
) -> Page[MessageView]:
    """What was said about the caller's request, latest first."""
    async with reading(resources.engine) as connection:
        await AfterSales(connection).find(after_sale_id, member_id=caller.member_id)
        messages = await said_about(
            connection, resources.field_keys, after_sale_id, before=before_id(after), limit=limit + 1
        )
    return page_of([MessageView.of(each) for each in messages], limit, place=lambda each: each.message_id)


@router.post("/after-sales/{after_sale_id}/messages", status_code=201, response_model=SentMessageView)
async def add_message(
    after_sale_id: UUID, body: MessageCreate, caller: Member, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Say something about the caller's request."""

    async def do(work: UnitOfWork) -> SentMessageView:
        require_open(await AfterSales(work.connection).find(after_sale_id, member_id=caller.member_id))
        keys, by = resources.field_keys, actor_of(caller)
        return SentMessageView.of(await say(work.connection, keys, after_sale_id, body.said(), by=by, at=now))

    return await once(resources.engine, key, do)


@router.post("/after-sales/{after_sale_id}/amend")
async def amend(
    after_sale_id: UUID, body: AfterSaleAmend, caller: Member, resources: Own, work: Work, now: Now
) -> AfterSaleDetailView:
    """Ask again after a rejection."""
    amended = await amend_after_sale(
        work, resources.field_keys, after_sale_id, body.reason, body.said(), caller=caller, at=now
    )
    return await detail(work.connection, amended)


@router.post("/after-sales/{after_sale_id}/escalate")
async def escalate(after_sale_id: UUID, caller: Member, work: Work, now: Now) -> AfterSaleDetailView:
    """Have somebody else decide about a rejection."""
    return await detail(
        work.connection, await escalate_after_sale(work, after_sale_id, caller=caller, at=now)
    )


@router.post("/after-sales/{after_sale_id}/cancel")
async def cancel(after_sale_id: UUID, caller: Member, work: Work, now: Now) -> AfterSaleDetailView:
    """Withdraw a request."""
    return await detail(work.connection, await cancel_after_sale(work, after_sale_id, caller=caller, at=now))


@router.post("/after-sales/{after_sale_id}/send-back")
async def send_goods_back(
    after_sale_id: UUID, body: WaybillBody, caller: Member, work: Work, now: Now
) -> AfterSaleDetailView:
    """Tell under which number the goods are on their way back."""
    waybill = Waybill(body.carrier, body.tracking_number)
    return await detail(work.connection, await send_back(work, after_sale_id, waybill, caller=caller, at=now))


@router.post("/after-sales/{after_sale_id}/confirm-replacement")
async def receive_replacement(
    after_sale_id: UUID, caller: Member, work: Work, now: Now
) -> AfterSaleDetailView:
    """Say that the new goods arrived; again is harmless."""
    return await detail(
        work.connection, await confirm_replacement(work, after_sale_id, caller=caller, at=now)
    )
