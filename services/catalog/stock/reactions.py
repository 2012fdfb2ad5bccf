"""What happens to stock when an order ends well, badly, or is refunded."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from services.catalog.stock.usecases import commit_reservations, release_reservations, restock_refund
from shared.database import UnitOfWork
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("catalog")


@reactions.on_batch(OrderPaid)
async def commit_reservation(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Sell what the paid orders hold."""
    await commit_reservations(work, [each.event.order_id for each in received], at=received[0].at)


@reactions.on_batch(OrderClosed)
async def release_reservation(work: UnitOfWork, received: Sequence[Received[OrderClosed]]) -> None:
    """Give back what the closed orders hold."""
    await release_reservations(work, [each.event.order_id for each in received], at=received[0].at)


@reactions.on(OrderRefunded)
async def restock_refunded(work: UnitOfWork, received: Received[OrderRefunded]) -> None:
    """Put refunded units back on the shelf."""
    quantities: Counter[UUID] = Counter()
    for line in received.event.lines:
        quantities[line.sku_id] += line.quantity
    await restock_refund(work, received.event.order_id, received.event.refund_id, +quantities, at=received.at)
