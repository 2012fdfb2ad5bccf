"""Points expire at the end of a shop day."""

from datetime import datetime, timedelta

from services.member.points.storage import PointsBook
from services.member.points.usecases import expire_points
from services.member.resources import MemberResources
from shared.clock import day_starts_at, shop_day
from shared.database import begin
from shared.timers.loop import Timer, Timers

MEMBERS_A_RUN = 500

timers: Timers[MemberResources] = Timers()


@timers.on("expire-points")
async def expire_due_points(resources: MemberResources, _: Timer) -> datetime:
    """Expire what is due, member by member; again at once while there is more, else with the next shop day."""
    now = resources.clock.now()
    async with begin(resources.engine) as work:
        members = await PointsBook(work.connection).members_with_due_points(at=now, limit=MEMBERS_A_RUN)
    for member_id in members:
        async with begin(resources.engine) as work:
            await expire_points(work, member_id, at=now)
    return now if len(members) == MEMBERS_A_RUN else day_starts_at(shop_day(now) + timedelta(days=1))
