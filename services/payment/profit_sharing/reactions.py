"""What profit sharing does when an order is completed."""

from datetime import timedelta

from services.payment.profit_sharing.domain import SHARE_PROFIT, SHAREABLE_AFTER, SharingStatus
from services.payment.profit_sharing.receivers import Rules
from services.payment.profit_sharing.storage import Shares
from shared.database import UnitOfWork
from shared.events import OrderCompleted
from shared.messaging.reactions import Reactions, Received

BEFORE_UNFREEZING = timedelta(hours=1)

reactions = Reactions("payment")


@reactions.on(OrderCompleted)
async def schedule_share(work: UnitOfWork, received: Received[OrderCompleted]) -> None:
    """Share what the order brought after the rule's time, in any case before it would be unfrozen."""
    sharing = await Shares(work.connection).lock_by_order(received.event.order_id)
    if sharing is None or sharing.status is not SharingStatus.NONE:
        return
    rule = await Rules(work.connection).of(sharing.rule_version)
    wanted_at = received.event.completed_at + timedelta(seconds=rule.share_after_seconds)
    due_at = max(
        sharing.paid_at + SHAREABLE_AFTER, min(wanted_at, sharing.unfreeze_due_at - BEFORE_UNFREEZING)
    )
    await work.timers.set(SHARE_PROFIT, str(sharing.payment_id), due_at=due_at)
