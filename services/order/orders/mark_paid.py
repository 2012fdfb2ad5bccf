"""Orders' money arrived (K15, P5)."""

import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.order.orders.announce import order_paid
from services.order.orders.domain import OrderStatus
from services.order.orders.finish_creation import CLOSE_UNPAID
from services.order.orders.storage import Orders
from shared.database import UnitOfWork
from shared.events import PaymentSucceeded
from shared.messaging.reactions import TooEarly

log = logging.getLogger(__name__)


class WrongAmount(Exception):
    """The payment is not of what the order costs: for an operator to look at."""


async def mark_paid(work: UnitOfWork, payments: Mapping[UUID, PaymentSucceeded], *, at: datetime) -> None:
    """Make orders paid, each once; a closed one stays closed, and the payment service gives the money back (P5).

    `payments` is by the ids of what told of them. Raises WrongAmount, TooEarly, NotFound.
    """
    orders = Orders(work.connection)
    found = await orders.lock_all({payment.order_id for payment in payments.values()})
    causes: dict[UUID, UUID] = {}
    for event_id, payment in payments.items():
        order = found[payment.order_id]
        if payment.amount_fen != order.payable_fen:
            raise WrongAmount(
                f"order {order.id} costs {order.payable_fen} fen and {payment.amount_fen} were paid"
            )
        match order.status:
            case OrderStatus.CREATING:
                raise TooEarly(f"order {order.id} is still being created")
            case OrderStatus.CLOSED:
                log.warning("paid after it was closed", extra={"order_id": str(order.id)})
            case OrderStatus.PENDING_PAY | OrderStatus.CLOSING:
                # The provider tells whole seconds: never earlier than the order.
                paid_at = max(payment.paid_at, order.placed_at)
                found[order.id] = order.to(OrderStatus.PAID, at=paid_at)
                causes[order.id] = event_id
            case _:
                log.info("paid already", extra={"order_id": str(order.id)})
    if causes:
        paid = [found[order_id] for order_id in causes]
        lines = await orders.save_paid(paid, timer=CLOSE_UNPAID, at=at)
        announced = [order_paid(order, lines[order.id]) for order in paid]
        await work.outbox.add(*announced, at=at, causes=list(causes.values()))
