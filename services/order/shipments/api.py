"""Parcels over HTTP: operators send them, members follow and receive them (OR-03)."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Response
from pydantic import Field, model_validator

from services.order.orders.storage import Orders
from services.order.orders.views import OrderStatusView
from services.order.resources import Own
from services.order.shipments.receive_order import confirm_receipt
from services.order.shipments.ship_order import Parcel, ship_order
from services.order.shipments.storage import Shipments
from services.order.shipments.views import OperatorShipmentView, TrackedShipmentView
from services.order.shipments.waybills import WaybillBody
from shared.database import UnitOfWork
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Quantity, View
from shared.http.callers import Editor, Member
from shared.http.idempotency import Idempotent, once
from shared.http.work import Now, Work

router = service_router(tags=["shipments"])


class UnitsToShip(Body):
    """So many units of an order line."""

    order_line_id: Id
    quantity: Quantity


class ShipmentCreate(WaybillBody):
    """A parcel; without `lines` all that may be shipped."""

    lines: Annotated[list[UnitsToShip], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if self.lines is not None and len({line.order_line_id for line in self.lines}) != len(self.lines):
            raise ValueError("each line may be listed once")
        return self


class TrackingView(View):
    """The parcels of an order and their way."""

    shipments: list[TrackedShipmentView]


@router.post("/operator/orders/{order_id}/shipments", status_code=201, response_model=OperatorShipmentView)
async def ship(
    order_id: UUID, body: ShipmentCreate, caller: Editor, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Send a parcel of a paid order."""
    units = body.lines and {line.order_line_id: line.quantity for line in body.lines}
    parcel = Parcel(body.carrier, body.tracking_number, units or None)

    async def do(work: UnitOfWork) -> OperatorShipmentView:
        shipment, content = await ship_order(work, order_id, parcel, by=caller, at=now)
        return OperatorShipmentView.of(shipment, content)

    return await once(resources.engine, key, do)


@router.get("/orders/{order_id}/tracking")
async def get_tracking(order_id: UUID, caller: Member, work: Work) -> TrackingView:
    """Where the parcels of the caller's order are."""
    await Orders(work.connection).find_own(order_id, member_id=caller.member_id)
    shipments = Shipments(work.connection)
    contents = await shipments.contents(order_id)
    tracking = await shipments.tracking(order_id)
    return TrackingView(
        shipments=[
            TrackedShipmentView.of_tracked(
                each, contents[each.id], tracking.get((each.carrier, each.tracking_number), [])
            )
            for each in await shipments.of_order(order_id)
        ]
    )


@router.post("/orders/{order_id}/confirm-receipt")
async def receive(order_id: UUID, caller: Member, work: Work, now: Now) -> OrderStatusView:
    """Say that the goods arrived; again is harmless."""
    return OrderStatusView.of(await confirm_receipt(work, caller, order_id, at=now))
