"""What refunds do when something happened at the payment service."""

from services.order.after_sales.refund_units import complete_refunded
from services.order.refunds import finish_refund as refunds
from shared.database import UnitOfWork
from shared.events import RefundFailed, RefundSucceeded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("order")


@reactions.on(RefundSucceeded)
async def finish_refund(work: UnitOfWork, received: Received[RefundSucceeded]) -> None:
    """Record that a refund reached the shopper and announce it."""
    event = received.event
    await refunds.finish_refund(
        work,
        event.refund_id,
        order_id=event.order_id,
        refund_fen=event.refund_fen,
        refunded_at=event.refunded_at,
        at=received.at,
    )
    await complete_refunded(work, event.refund_id, at=received.at)


@reactions.on(RefundFailed)
async def mark_refund_failed(work: UnitOfWork, received: Received[RefundFailed]) -> None:
    """Put a refund that could not be paid out before an operator."""
    event = received.event
    await refunds.mark_refund_failed(work, event.refund_id, order_id=event.order_id, reason=event.reason)
