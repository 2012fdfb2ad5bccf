"""What happens to an order's coupon when the order is paid, closed or wholly refunded."""

from services.campaign.coupons import order_coupons
from shared.database import UnitOfWork
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("campaign")


@reactions.on(OrderPaid)
async def redeem_coupon(work: UnitOfWork, received: Received[OrderPaid]) -> None:
    """Use up the coupon of the paid order."""
    order = received.event
    if order.coupon_id is not None:
        await order_coupons.redeem_coupon(
            work, order.order_id, discount_fen=order.coupon_discount_fen, at=received.at
        )


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
