"""What the intake need not keep is forgotten each night."""

from datetime import datetime, timedelta

from services.analytics.collect.storage import Intake
from shared.clock import day_starts_at, shop_day
from shared.database import begin
from shared.resources import Resources
from shared.timers.loop import Timer, Timers

IDS_KEPT = timedelta(days=30)
QUARANTINE_KEPT = timedelta(days=30)

timers: Timers[Resources] = Timers()


@timers.on("forget-events")
async def forget_events(resources: Resources, _: Timer) -> datetime:
    """Drop old ids (clients keep their queue for 3 days) and old refusals; again with the next shop day."""
    now = resources.clock.now()
    async with begin(resources.engine) as work:
        await Intake(work.connection).forget(
            ids_before=now - IDS_KEPT, quarantined_before=now - QUARANTINE_KEPT
        )
    return day_starts_at(shop_day(now) + timedelta(days=1))
