"""What the intake need not keep is forgotten each night."""

import time
from datetime import datetime, timedelta

from services.analytics.collect.storage import Intake
from shared.clock import day_starts_at, shop_day
from shared.database import begin
from shared.resources import Resources
from shared.timers.loop import Timer, Timers

KEPT = timedelta(days=30)
BATCH = 10_000
TURN_SECONDS = 30.0
"""Whatever a turn leaves over, the next one drops at once."""

timers: Timers[Resources] = Timers()


@timers.on("forget-events")
async def forget_events(resources: Resources, _: Timer) -> datetime:
    """Drop old ids (clients keep their queue for 3 days) and old refusals; again with the next shop day."""
    now, started = resources.clock.now(), time.monotonic()
    while time.monotonic() - started < TURN_SECONDS:
        async with begin(resources.engine) as work:
            if not await Intake(work.connection).forget(before=now - KEPT, most=BATCH):
                return day_starts_at(shop_day(now) + timedelta(days=1))
    return now
