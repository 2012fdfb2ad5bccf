"""What parcels do when their time comes."""

from datetime import datetime
from uuid import UUID

from services.order.resources import OrderResources
from services.order.shipments import upload_shipping as uploads
from services.order.shipments.receive_order import receive_unconfirmed
from services.order.shipments.ship_order import AUTO_RECEIVE, UPLOAD_SHIPPING
from shared.database import begin
from shared.timers.loop import Timer, Timers

timers: Timers[OrderResources] = Timers()


@timers.on(UPLOAD_SHIPPING)
async def upload_shipping(resources: OrderResources, timer: Timer) -> datetime | None:
    """Report an order's parcels to WeChat, one after another (OR-14)."""
    return await uploads.upload_shipping(resources, UUID(timer.key))


@timers.on(AUTO_RECEIVE)
async def auto_receive(resources: OrderResources, timer: Timer) -> datetime | None:
    """Complete an order that nobody confirmed in time."""
    async with begin(resources.engine) as work:
        await receive_unconfirmed(work, UUID(timer.key), at=resources.clock.now())
    return None
