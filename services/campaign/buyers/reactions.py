"""A paid order makes a buyer."""

from collections.abc import Sequence

from services.campaign.buyers.storage import Buyers
from shared.database import UnitOfWork
from shared.events import OrderPaid
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("campaign")


@reactions.on_batch(OrderPaid)
async def remember_buyer(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Count the payer among those who have bought."""
    await Buyers(work.connection).remember({each.event.member_id: each.event.paid_at for each in received})
