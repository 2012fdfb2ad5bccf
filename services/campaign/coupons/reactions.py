"""What happens to an order's coupon when the order is paid, closed or wholly refunded."""

from collections.abc import Sequence

from services.campaign.coupons import order_coupons
from shared.database import UnitOfWork
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("campaign")


@reactions.on_batch(OrderPaid)
async def redeem_coupon(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Use up the coupons of the paid orders."""
    paid = {each.id: each.event for each in received if each.event.coupon_id is not None}
    if paid:
        await order_coupons.redeem_coupons(work, paid, at=received[0].at)


@reactions.on(OrderClosed)
async def release_coupon(work: UnitOfWork, received: Received[OrderClosed]) -> None:
    """Give back the coupon that the closed order holds."""
    if received.event.coupon_id is not None:
        await order_coupons.release_coupon(work, received.event.order_id, at=received.at)


@reactions.on(OrderRefunded)
async def restore_coupon(work: UnitOfWork, received: Received[OrderRefunded]) -> None:
    """Give back the coupon of the wholly refunded order, unless it has expired."""
    order = received.event
    if order.is_full and order.coupon_id is not None:
        await order_coupons.restore_coupon(
            work, order.order_id, refunded_at=order.refunded_at, at=received.at
        )
