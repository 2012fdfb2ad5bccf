"""What orders do when something happened elsewhere."""

from collections.abc import Sequence

from services.order.orders.mark_paid import mark_paid as mark_orders_paid
from shared.database import UnitOfWork
from shared.events import PaymentSucceeded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("order")


@reactions.on_batch(PaymentSucceeded)
async def mark_paid(work: UnitOfWork, received: Sequence[Received[PaymentSucceeded]]) -> None:
    """Make the orders paid and announce it."""
    await mark_orders_paid(work, {each.id: each.event for each in received}, at=received[0].at)
