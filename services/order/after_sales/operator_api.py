"""After-sale over HTTP for operators: the service desk answers, finance decides disputes (OR-10, SEC14)."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from services.order.after_sales.answer_after_sale import (
    approve_after_sale,
    decide_after_sale,
    reject_after_sale,
)
from services.order.after_sales.bodies import AfterSaleDecide, MessageCreate, ReturnReceive
from services.order.after_sales.domain import AfterSale, AfterSaleKind, AfterSaleStatus, Waybill
from services.order.after_sales.negotiation import require_open, said_about, say
from services.order.after_sales.queries import AfterSaleFilter, page_of_after_sales
from services.order.after_sales.refund_units import refund_instead
from services.order.after_sales.replace_units import retry_replacement, ship_replacement
from services.order.after_sales.return_goods import receive_return
from services.order.after_sales.storage import AfterSales
from services.order.after_sales.views import (
    OperatorAfterSaleDetailView,
    OperatorAfterSaleView,
    OperatorMessageView,
    SentMessageView,
    operator_detail,
)
from services.order.orders.domain import actor_of
from services.order.resources import OrderResources, Own
from services.order.shipments.waybills import WaybillBody
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.callers import Accountant, AnyOperator, Editor, Operator, PeopleReader, Refunder
from shared.http.idempotency import IdempotencyKey, Idempotent, once
from shared.http.identity import Principal
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router("/operator/after-sales", tags=["after-sale"])

ServiceDesk = Annotated[Principal, Depends(Operator("operations", "service_desk"))]
"""Talks with shoppers about what they ask for, and answers."""


@router.get("")
async def list_after_sales(
    caller: AnyOperator,
    resources: Own,
    status: AfterSaleStatus | None = None,
    kind: AfterSaleKind | None = None,
    order_id: UUID | None = None,
    member_id: UUID | None = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[OperatorAfterSaleView]:
    """Requests of all members, latest first."""
    wanted = AfterSaleFilter(status=status, kind=kind, order_id=order_id, member_id=member_id)
    async with reading(resources.engine) as connection:
        found = await page_of_after_sales(connection, wanted, before=before_id(after), limit=limit + 1)
    items = [OperatorAfterSaleView.of(each) for each in found]
    return page_of(items, limit, place=lambda each: each.after_sale_id)


@router.get("/{after_sale_id}")
async def get_after_sale(
    after_sale_id: UUID, caller: AnyOperator, resources: Own
) -> OperatorAfterSaleDetailView:
    """One request in full."""
    async with reading(resources.engine) as connection:
        return await operator_detail(connection, await AfterSales(connection).find(after_sale_id))


@router.get("/{after_sale_id}/messages")
async def list_messages(
    after_sale_id: UUID, caller: PeopleReader, resources: Own, limit: Limit = 20, after: After = None
) -> Page[OperatorMessageView]:
    """What was said about a request, latest first."""
    async with reading(resources.engine) as connection:
        await AfterSales(connection).find(after_sale_id)
        messages = await said_about(
            connection, resources.field_keys, after_sale_id, before=before_id(after), limit=limit + 1
        )
    items = [OperatorMessageView.of(each) for each in messages]
    return page_of(items, limit, place=lambda each: each.message_id)


@router.post("/{after_sale_id}/messages", status_code=201, response_model=SentMessageView)
async def add_message(
    after_sale_id: UUID, body: MessageCreate, caller: ServiceDesk, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Say something about a request to the shopper."""

    async def do(work: UnitOfWork) -> SentMessageView:
        require_open(await AfterSales(work.connection).find(after_sale_id))
        keys, by = resources.field_keys, actor_of(caller)
        message = await say(work.connection, keys, after_sale_id, body.said(), by=by, at=now)
        await work.audit_log.record(
            "after-sale.say",
            f"after-sale/{after_sale_id}",
            by=caller,
            at=now,
            after={"message_id": str(message.id)},
        )
        return SentMessageView.of(message)

    return await once(resources.engine, key, do)


@router.post("/{after_sale_id}/approve", response_model=OperatorAfterSaleDetailView)
async def approve(
    after_sale_id: UUID, caller: ServiceDesk, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Grant a request: a refund starts, or goods are awaited."""
    return await _once(
        resources, key, lambda work: approve_after_sale(work, after_sale_id, caller=caller, at=now)
    )


@router.post("/{after_sale_id}/reject")
async def reject(
    after_sale_id: UUID, body: MessageCreate, caller: ServiceDesk, resources: Own, work: Work, now: Now
) -> OperatorAfterSaleDetailView:
    """Refuse a request, or what came back for it, and say why."""
    rejected = await reject_after_sale(
        work, resources.field_keys, after_sale_id, body.said(), caller=caller, at=now
    )
    return await operator_detail(work.connection, rejected)


@router.post("/{after_sale_id}/receive", response_model=OperatorAfterSaleDetailView)
async def receive(
    after_sale_id: UUID, body: ReturnReceive, caller: ServiceDesk, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Say what came back; a refund starts, or stock is held for the replacement."""
    return await _once(
        resources,
        key,
        lambda work: receive_return(work, after_sale_id, body.inspected(), caller=caller, at=now),
    )


@router.post("/{after_sale_id}/decide", response_model=OperatorAfterSaleDetailView)
async def decide(
    after_sale_id: UUID, body: AfterSaleDecide, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Decide a dispute about a rejection, for good."""
    return await _once(
        resources,
        key,
        lambda work: decide_after_sale(
            work,
            resources.field_keys,
            after_sale_id,
            body.in_favour_of,
            body.said(),
            caller=caller,
            at=now,
        ),
    )


@router.post("/{after_sale_id}/refund-instead", response_model=OperatorAfterSaleDetailView)
async def give_money_instead(
    after_sale_id: UUID, caller: Refunder, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Give money back for goods that came back and cannot be replaced."""
    return await _once(
        resources, key, lambda work: refund_instead(work, after_sale_id, caller=caller, at=now)
    )


@router.post("/{after_sale_id}/retry-replacement")
async def look_for_stock_again(
    after_sale_id: UUID, caller: Editor, work: Work, now: Now
) -> OperatorAfterSaleDetailView:
    """Look for stock for an exchange once more; what comes of it is seen in the request a moment later."""
    return await operator_detail(
        work.connection, await retry_replacement(work, after_sale_id, caller=caller, at=now)
    )


@router.post("/{after_sale_id}/ship-replacement", response_model=OperatorAfterSaleDetailView)
async def send_replacement(
    after_sale_id: UUID, body: WaybillBody, caller: Editor, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Send the new goods of an exchange to the order's address."""
    waybill = Waybill(body.carrier, body.tracking_number)
    return await _once(
        resources, key, lambda work: ship_replacement(work, after_sale_id, waybill, caller=caller, at=now)
    )


async def _once(
    resources: OrderResources, key: IdempotencyKey, step: Callable[[UnitOfWork], Awaitable[AfterSale]]
) -> Response:
    """Take a step that moves money or stock once, however often it is asked for (P2)."""

    async def do(work: UnitOfWork) -> OperatorAfterSaleDetailView:
        return await operator_detail(work.connection, await step(work))

    return await once(resources.engine, key, do, status=200)
