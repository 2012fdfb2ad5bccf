"""Orders over HTTP for members (OR-01, OR-11)."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from services.order.checkout.bodies import CheckoutWish
from services.order.orders.close_order import cancel_order
from services.order.orders.details import OrderDetailView, detail
from services.order.orders.domain import UNPAID, OrderStatus
from services.order.orders.pay_order import pay_order
from services.order.orders.place_order import Placing, place_order
from services.order.orders.queries import lines_of, orders_of_member, status_of
from services.order.orders.views import OrderStatusView, OrderView, PaymentView, PlacedOrderView
from services.order.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.callers import Member
from shared.http.idempotency import Idempotent
from shared.http.paging import After, Limit, Page, page_of
from shared.http.work import Now

router = service_router("/orders", tags=["orders"])

MOST_WAIT_SECONDS = 5
"""A client that would wait longer asks again."""


class OrderCreate(CheckoutWish):
    """The wish that was previewed, and the fingerprint of the quote that was agreed to."""

    quote_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@router.post("", status_code=201)
async def place(
    body: OrderCreate, caller: Member, resources: Own, key: Idempotent, now: Now
) -> PlacedOrderView:
    """Place an order at the previewed price: stock, coupon and points are held until it is paid or closed."""
    placing = Placing(body.wish(), body.quote_fingerprint)
    return PlacedOrderView.of(await place_order(resources, caller, placing, key, at=now))


@router.get("")
async def list_orders(
    caller: Member, resources: Own, status: OrderStatus | None = None, limit: Limit = 20, after: After = None
) -> Page[OrderView]:
    """The caller's orders, latest first."""
    async with reading(resources.engine) as connection:
        orders = await orders_of_member(
            connection, caller.member_id, status=status, after=after, limit=limit + 1
        )
        lines = await lines_of(connection, orders)
    items = [OrderView.of(order, lines[order.id]) for order in orders]
    return page_of(items, limit, place=lambda each: (each.placed_at, each.order_id))


@router.get("/{order_id}")
async def get_order(order_id: UUID, caller: Member, resources: Own) -> OrderDetailView:
    """One of the caller's orders in full."""
    async with reading(resources.engine) as connection:
        return await detail(connection, resources.field_keys, order_id, member_id=caller.member_id)


@router.get("/{order_id}/status")
async def get_status(
    order_id: UUID,
    caller: Member,
    resources: Own,
    wait_seconds: Annotated[int, Query(ge=0, le=MOST_WAIT_SECONDS)] = 0,
) -> OrderStatusView:
    """Where one of the caller's orders stands: an unpaid one as soon as it is paid or closed, `wait_seconds` later at most.

    What a client asks after `wx.requestPayment`, instead of looking again and again.
    """
    async with reading(resources.engine) as connection:
        status = await status_of(connection, order_id, member_id=caller.member_id)
    if wait_seconds and status in UNPAID:
        status = await resources.watch.paid_or_closed(order_id, seconds=wait_seconds) or status
    return OrderStatusView(order_id=order_id, status=status)


@router.post("/{order_id}/pay")
async def pay(order_id: UUID, caller: Member, resources: Own, now: Now) -> PaymentView:
    """What the client needs to pay the order; an order of 0 fen is paid by this alone."""
    payment = await pay_order(resources, caller, order_id, at=now)
    return PaymentView(order_id=order_id, status=payment.status, request_payment=payment.request_payment)


@router.post("/{order_id}/cancel")
async def cancel(order_id: UUID, caller: Member, resources: Own, now: Now) -> OrderStatusView:
    """Close an unpaid order; `closing` while the payment service cannot say yet how it stands."""
    return OrderStatusView.of(await cancel_order(resources, caller, order_id, at=now))
