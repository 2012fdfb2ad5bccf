"""What requests do when their time comes."""

from datetime import datetime
from uuid import UUID

from services.order.after_sales import advance_overdue as overdue, replace_units
from services.order.after_sales.replace_units import RESERVE_REPLACEMENT
from services.order.after_sales.steps import ADVANCE_OVERDUE
from services.order.resources import OrderResources
from shared.database import transact
from shared.timers.loop import Timer, Timers

timers: Timers[OrderResources] = Timers()


@timers.on(ADVANCE_OVERDUE)
async def advance_after_sale(resources: OrderResources, timer: Timer) -> datetime | None:
    """Go on with a request that waited long enough for an answer, goods, or the shopper's word."""
    at, after_sale_id = resources.clock.now(), UUID(timer.key)
    return await transact(resources.engine, lambda work: overdue.advance_overdue(work, after_sale_id, at=at))


@timers.on(RESERVE_REPLACEMENT)
async def reserve_replacement(resources: OrderResources, timer: Timer) -> datetime | None:
    """Hold stock for an exchange whose goods came back."""
    await replace_units.reserve_replacement(resources, UUID(timer.key))
    return None
