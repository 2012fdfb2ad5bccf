"""Sharing by the clock: when it is time, at the provider, and before the provider would unfreeze by itself."""

from datetime import datetime
from uuid import UUID

from services.payment.profit_sharing import (
    advance_return as returns,
    advance_share as share_orders,
    remove_receiver as receivers,
)
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import (
    ADVANCE_RETURN,
    ADVANCE_SHARE,
    REMOVE_RECEIVER,
    SHARE_PROFIT,
    UNFREEZE_PROFIT,
    WAIT_FOR_RESULT,
    SharingStatus,
)
from services.payment.profit_sharing.request_share import request_share
from services.payment.profit_sharing.storage import Shares
from services.payment.resources import PaymentResources
from shared.database import begin
from shared.timers.loop import Timer, Timers

timers: Timers[PaymentResources] = Timers()


@timers.on(SHARE_PROFIT)
async def share_profit(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Share a completed order's payment, unless an operator did so before."""
    async with begin(resources.engine) as work:
        sharing = await Shares(work.connection).lock(UUID(timer.key))
        if sharing is not None and sharing.status is SharingStatus.NONE:
            await request_share(work, sharing, at=resources.clock.now())
    return None


@timers.on(UNFREEZE_PROFIT)
async def unfreeze_profit(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Unfreeze what nobody shared in time; a share that is under way is waited for."""
    at = resources.clock.now()
    async with begin(resources.engine) as work:
        sharing = await Shares(work.connection).lock(UUID(timer.key))
        if sharing is None or sharing.status in (SharingStatus.UNFREEZING, SharingStatus.UNFROZEN):
            return None
        if await begin_unfreeze(work, sharing, at=at):
            return None
    return at + WAIT_FOR_RESULT


@timers.on(ADVANCE_SHARE)
async def advance_share(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Call, or query, until the share order is finished."""
    return await share_orders.advance_share(resources, timer.key, at=resources.clock.now())


@timers.on(ADVANCE_RETURN)
async def advance_return(resources: PaymentResources, timer: Timer) -> datetime | None:
    """Call, or query, until the share was returned."""
    return await returns.advance_return(resources, timer.key, at=resources.clock.now())


@timers.on(REMOVE_RECEIVER)
async def remove_receiver(resources: PaymentResources, timer: Timer) -> datetime | None:
    """End the relation with a receiver at the provider."""
    return await receivers.remove_at_provider(resources, UUID(timer.key), at=resources.clock.now())
