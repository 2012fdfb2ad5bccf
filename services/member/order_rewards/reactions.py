"""What the member service does when an order is paid, closed or refunded."""

from collections.abc import Sequence

from services.member.order_rewards import reverse_order as reversing
from services.member.order_rewards.reward_orders import reward_orders
from services.member.points import hold_points
from shared.database import UnitOfWork
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("member")


@reactions.on_batch(OrderPaid)
async def settle_order(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Spend the points that orders held, and give the points and growth they earn."""
    await reward_orders(work, {each.id: each.event for each in received}, at=received[0].at)


@reactions.on(OrderClosed)
async def release_points(work: UnitOfWork, received: Received[OrderClosed]) -> None:
    """Give back the points that a closed order held."""
    await hold_points.release_points(work, received.event.order_id, at=received.at)


@reactions.on(OrderRefunded)
async def reverse_order(work: UnitOfWork, received: Received[OrderRefunded]) -> None:
    """Return spent points, and take back points and growth, in proportion to a refund."""
    await reversing.reverse_order(work, received.event, at=received.at)
