"""What orders do when something happened elsewhere."""

from services.order.orders.mark_paid import mark_paid as mark_order_paid
from shared.database import UnitOfWork
from shared.events import PaymentSucceeded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("order")


@reactions.on(PaymentSucceeded)
async def mark_paid(work: UnitOfWork, received: Received[PaymentSucceeded]) -> None:
    """Make the order paid and announce it."""
    event = received.event
    await mark_order_paid(
        work, event.order_id, amount_fen=event.amount_fen, paid_at=event.paid_at, at=received.at
    )
