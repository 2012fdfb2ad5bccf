"""What the member service does when an order is paid, closed or refunded."""

from services.member.order_rewards import usecases
from services.member.points import hold_points
from shared.database import UnitOfWork
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("member")


@reactions.on(OrderPaid)
async def settle_order(work: UnitOfWork, received: Received[OrderPaid]) -> None:
    """Spend the points an order held, and give the points and growth it earns."""
    await usecases.reward_order(work, received.event, at=received.at)


@reactions.on(OrderClosed)
async def release_points(work: UnitOfWork, received: Received[OrderClosed]) -> None:
    """Give back the points that a closed order held."""
    await hold_points.release_points(work, received.event.order_id, at=received.at)


@reactions.on(OrderRefunded)
async def reverse_order(work: UnitOfWork, received: Received[OrderRefunded]) -> None:
    """Return spent points, and take back points and growth, in proportion to a refund."""
    await usecases.reverse_order(work, received.event, at=received.at)
