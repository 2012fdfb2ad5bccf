"""What orders do when their time comes."""

from datetime import datetime
from uuid import UUID

from services.order.orders import close_order, finish_creation
from services.order.orders.finish_creation import CLOSE_UNPAID, COMPLETE_CREATION
from services.order.resources import OrderResources
from shared.timers.loop import Timer, Timers

timers: Timers[OrderResources] = Timers()


@timers.on(COMPLETE_CREATION)
async def complete_creation(resources: OrderResources, timer: Timer) -> datetime | None:
    """Finish or compensate an order whose placing was interrupted (K15: within 60 s)."""
    await finish_creation.complete_creation(resources, UUID(timer.key))
    return None


@timers.on(CLOSE_UNPAID)
async def close_unpaid(resources: OrderResources, timer: Timer) -> datetime | None:
    """Close an order that was not paid in time (OR-11)."""
    return await close_order.close_unpaid(resources, UUID(timer.key))
