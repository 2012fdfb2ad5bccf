"""Marking what has expired; by time it is treated so at once, with or without the mark."""

from datetime import datetime, timedelta

from services.campaign.coupons.storage import Coupons
from shared.database import begin
from shared.resources import Resources
from shared.timers.loop import Timer, Timers

timers: Timers[Resources] = Timers()

EVERY = timedelta(minutes=10)
BATCH = 500


@timers.on("expire-coupons")
async def expire_coupons(resources: Resources, timer: Timer) -> datetime:
    """Mark a batch of expired coupons; goes on at once while batches are full."""
    now = resources.clock.now()
    async with begin(resources.engine) as work:
        expired = await Coupons(work.connection).expire(at=now, most=BATCH)
    return now if expired == BATCH else now + EVERY
