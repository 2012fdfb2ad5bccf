"""What the payment service does when an order wants money given back."""

from services.payment.refunds.request_refund import request_refund
from shared.database import UnitOfWork
from shared.events import RefundRequested
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("payment")


@reactions.on(RefundRequested)
async def start_refund(work: UnitOfWork, received: Received[RefundRequested]) -> None:
    """Set the amount aside and begin the refund under its one number."""
    await request_refund(work, received.event, at=received.at)
