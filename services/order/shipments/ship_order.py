"""Sending an order off, whole or in parcels (OR-03)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.order.orders.domain import Actor, Order, OrderStatus
from services.order.orders.line_counts import count_shipped
from services.order.orders.storage import Orders
from services.order.rules.storage import order_rules
from services.order.shipments.domain import (
    Shipment,
    TooManyParcels,
    UploadStatus,
    choose,
    is_complete,
)
from services.order.shipments.storage import Shipments
from shared.database import UnitOfWork
from shared.events import OrderShipped
from shared.http.identity import Principal
from shared.ids import new_id

UPLOAD_SHIPPING = "upload-shipping"
AUTO_RECEIVE = "auto-receive"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What an operator sends: units by order line, or all that is left."""

    carrier: str
    tracking_number: str
    units: Mapping[UUID, int] | None


async def ship_order(
    work: UnitOfWork,
    order_id: UUID,
    parcel: Parcel,
    *,
    by: Principal,
    at: datetime,
) -> tuple[Shipment, dict[UUID, int]]:
    """Send a parcel of a paid order; raises NotFound, WrongStatus, Invalid, NothingToShip, TooManyParcels."""
    orders, shipments = Orders(work.connection), Shipments(work.connection)
    order = await orders.lock(order_id)
    order.require(OrderStatus.PAID, OrderStatus.PARTLY_SHIPPED)
    lines = await orders.lines(order_id)
    content = choose(lines, parcel.units)
    complete = is_complete(lines, content)
    number = await shipments.next_number(order_id)
    if number is None:
        raise TooManyParcels()
    shipment = Shipment(
        id=new_id(),
        order_id=order_id,
        number=number,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        shipped_at=at,
        upload_status=UploadStatus.PENDING,
        upload_attempts=0,
        upload_error=None,
        uploaded_at=None,
    )
    await count_shipped(work.connection, list(content.items()))
    await shipments.add(shipment, content)
    actor = Actor("operator", by.subject)
    if complete:
        await become_shipped(work, order, by=actor, at=at)
    elif order.status is OrderStatus.PAID:
        await orders.move(order, OrderStatus.PARTLY_SHIPPED, by=actor, at=at)
    await work.timers.set(UPLOAD_SHIPPING, str(order_id), due_at=at)
    await _announce(work, order, shipment, complete=complete, at=at)
    await work.audit_log.record(
        "order.ship",
        f"order/{order_id}",
        by=by,
        at=at,
        after={
            "carrier": parcel.carrier,
            "tracking_number": parcel.tracking_number,
            "units": {str(order_line_id): quantity for order_line_id, quantity in content.items()},
        },
    )
    return shipment, content


async def become_shipped(work: UnitOfWork, order: Order, *, by: Actor, at: datetime) -> Order:
    """Nothing is left to ship: the time to receive begins."""
    shipped = await Orders(work.connection).move(order, OrderStatus.SHIPPED, by=by, at=at)
    rules = await order_rules(work.connection)
    due_at = at + timedelta(seconds=rules.auto_receive_seconds)
    await work.timers.set(AUTO_RECEIVE, str(order.id), due_at=due_at)
    return shipped


async def _announce(
    work: UnitOfWork, order: Order, shipment: Shipment, *, complete: bool, at: datetime
) -> None:
    event = OrderShipped(
        order_id=order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        shipment_id=shipment.id,
        carrier=shipment.carrier,
        is_complete=complete,
        shipped_at=at,
    )
    await work.outbox.add(event, at=at)
