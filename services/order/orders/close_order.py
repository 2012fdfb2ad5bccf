"""Closing an unpaid order: CLOSING, then closed at payment, then CLOSED; or paid wins (K15, OR-11)."""

from datetime import datetime, timedelta
from uuid import UUID

from services.order.clients import payment
from services.order.clients.payment import PaymentStatus
from services.order.orders.announce import order_closed
from services.order.orders.domain import SYSTEM, Actor, Order, OrderStatus
from services.order.orders.finish_creation import CLOSE_UNPAID
from services.order.orders.storage import Orders
from services.order.resources import OURSELVES, OrderResources
from shared.database import UnitOfWork, begin
from shared.http.identity import Principal
from shared.http.problems import Problem
from shared.http.services import ServiceUnavailable

CANCELLED = "cancelled"
UNPAID = "unpaid"


class AlreadyPaid(Problem):
    """The payment arrived first: the order will be paid, not closed."""

    slug, title, status = "order/already-paid", "This order has been paid", 409


async def cancel_order(
    resources: OrderResources, caller: Principal, order_id: UUID, *, at: datetime
) -> Order:
    """Close the caller's unpaid order; raises NotFound, WrongStatus, AlreadyPaid.

    While the payment service cannot say how it stands the order is CLOSING, and a timer goes on.
    """
    async with begin(resources.engine) as work:
        order = await Orders(work.connection).lock_own(order_id, member_id=caller.member_id)
        if order.status is OrderStatus.CLOSED:
            return order
        order.require(OrderStatus.PENDING_PAY, OrderStatus.CLOSING)
        by = Actor("member", caller.member_id)
        order = await _begin_closing(work, order, by=by, at=at, reason=CANCELLED)
        await work.timers.set(CLOSE_UNPAID, str(order_id), due_at=_again_at(resources, at))
    try:
        status = await payment.stop_collecting(resources.services, order_id, on_behalf_of=caller)
    except ServiceUnavailable:
        return order
    if status is PaymentStatus.SUCCEEDED:
        raise AlreadyPaid()
    return await _finish_closing(resources, order) if status is PaymentStatus.CLOSED else order


async def close_unpaid(resources: OrderResources, order_id: UUID) -> datetime | None:
    """Close an order whose time to pay is over; returns when to go on, None when it is decided.

    Raises ServiceUnavailable while the payment service cannot say how it stands.
    """
    at = resources.clock.now()
    async with begin(resources.engine) as work:
        order = await Orders(work.connection).lock(order_id)
        if order.status not in (OrderStatus.PENDING_PAY, OrderStatus.CLOSING):
            return None
        order = await _begin_closing(work, order, by=SYSTEM, at=at, reason=UNPAID)
    status = await payment.stop_collecting(resources.services, order_id, on_behalf_of=OURSELVES)
    if status is PaymentStatus.CLOSED:
        order = await _finish_closing(resources, order)
    # A payment that succeeded is announced, and makes the order paid; until then the timer stays.
    return None if order.status is OrderStatus.CLOSED else _again_at(resources, at)


async def _begin_closing(work: UnitOfWork, order: Order, *, by: Actor, at: datetime, reason: str) -> Order:
    if order.status is OrderStatus.CLOSING:
        return order
    return await Orders(work.connection).move(order, OrderStatus.CLOSING, by=by, at=at, reason=reason)


async def _finish_closing(resources: OrderResources, order: Order) -> Order:
    async with begin(resources.engine) as work:
        orders, at = Orders(work.connection), resources.clock.now()
        order = await orders.lock(order.id)
        if order.status is not OrderStatus.CLOSING:
            return order
        reason = order.close_reason or UNPAID
        order = await orders.move(order, OrderStatus.CLOSED, by=SYSTEM, at=at, reason=reason)
        await work.outbox.add(order_closed(order, reason=reason, at=at), at=at)
        await work.timers.cancel(CLOSE_UNPAID, str(order.id))
        return order


def _again_at(resources: OrderResources, at: datetime) -> datetime:
    return at + timedelta(seconds=resources.settings.close_retry_seconds)
