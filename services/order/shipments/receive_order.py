"""The goods were received: by the member's word, or because the time for it ran out."""

from datetime import datetime, timedelta
from uuid import UUID

from services.order.orders.announce import order_completed
from services.order.orders.domain import SYSTEM, Actor, Order, OrderStatus
from services.order.orders.line_counts import is_claimed
from services.order.orders.storage import Orders
from services.order.rules.storage import order_rules
from services.order.shipments.ship_order import AUTO_RECEIVE
from shared.database import UnitOfWork
from shared.http.identity import Principal


async def confirm_receipt(work: UnitOfWork, caller: Principal, order_id: UUID, *, at: datetime) -> Order:
    """Complete the caller's shipped order; after-sale time counts from now. Raises NotFound, WrongStatus."""
    order = await Orders(work.connection).lock_own(order_id, member_id=caller.member_id)
    if order.status is OrderStatus.COMPLETED:
        return order
    order.require(OrderStatus.SHIPPED)
    return await _complete(work, order, by=Actor("member", caller.member_id), at=at)


async def receive_unconfirmed(work: UnitOfWork, order_id: UUID, *, at: datetime) -> None:
    """Complete a shipped order that nobody confirmed in time, unless an after-sale request is not decided yet."""
    order = await Orders(work.connection).lock(order_id)
    if order.status is OrderStatus.SHIPPED and not await is_claimed(work.connection, order_id):
        await _complete(work, order, by=SYSTEM, at=at)


async def resume_receipt(work: UnitOfWork, order: Order, *, at: datetime) -> None:
    """Once the last after-sale request of a shipped order is decided, its time to receive runs on, or is over."""
    if order.status is not OrderStatus.SHIPPED or await is_claimed(work.connection, order.id):
        return
    assert order.shipped_at is not None, "a shipped order was shipped"
    rules = await order_rules(work.connection)
    due_at = order.shipped_at + timedelta(seconds=rules.auto_receive_seconds)
    await work.timers.set(AUTO_RECEIVE, str(order.id), due_at=max(due_at, at))


async def _complete(work: UnitOfWork, order: Order, *, by: Actor, at: datetime) -> Order:
    order = await Orders(work.connection).move(order, OrderStatus.COMPLETED, by=by, at=at)
    await work.outbox.add(order_completed(order, completed_by=by.kind, at=at), at=at)
    await work.timers.cancel(AUTO_RECEIVE, str(order.id))
    return order
