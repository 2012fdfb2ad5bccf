"""A paid order makes a buyer."""

from collections.abc import Sequence

from services.campaign.buyers.storage import Buyers
from shared.database import UnitOfWork
from shared.events import OrderPaid
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("campaign")


async def forget_buyers(work: UnitOfWork) -> None:
    """Nobody has bought, as far as is known."""
    await Buyers(work.connection).forget()


@reactions.on_batch(OrderPaid, forget=forget_buyers)
async def remember_buyer(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Count the payer among those who have bought."""
    await Buyers(work.connection).remember({each.event.member_id: each.event.paid_at for each in received})
