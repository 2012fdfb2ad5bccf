"""An order's money arrived (K15, P5)."""

import logging
from datetime import datetime
from uuid import UUID

from services.order.orders.announce import order_paid
from services.order.orders.domain import SYSTEM, OrderStatus
from services.order.orders.finish_creation import CLOSE_UNPAID
from services.order.orders.storage import Orders
from shared.database import UnitOfWork
from shared.messaging.reactions import TooEarly

log = logging.getLogger(__name__)


class WrongAmount(Exception):
    """The payment is not of what the order costs: for an operator to look at."""


async def mark_paid(
    work: UnitOfWork, order_id: UUID, *, amount_fen: int, paid_at: datetime, at: datetime
) -> None:
    """Make an order paid, once; a closed one stays closed, and the payment service gives the money back (P5).

    Raises WrongAmount, TooEarly.
    """
    orders = Orders(work.connection)
    order = await orders.lock(order_id)
    if amount_fen != order.payable_fen:
        raise WrongAmount(f"order {order_id} costs {order.payable_fen} fen and {amount_fen} were paid")
    match order.status:
        case OrderStatus.CREATING:
            raise TooEarly(f"order {order_id} is still being created")
        case OrderStatus.CLOSED:
            log.warning("paid after it was closed", extra={"order_id": str(order_id)})
        case OrderStatus.PENDING_PAY | OrderStatus.CLOSING:
            # The provider tells whole seconds: never earlier than the order.
            paid_at = max(paid_at, order.placed_at)
            paid = order.to(OrderStatus.PAID, at=paid_at)
            await orders.save(paid, by=SYSTEM, at=at, reason=None)
            lines = await orders.lines(order_id)
            await work.outbox.add(order_paid(paid, lines, paid_at=paid_at), at=at)
            await work.timers.cancel(CLOSE_UNPAID, str(order_id))
        case _:
            log.info("paid already", extra={"order_id": str(order_id)})
