"""One order in full, read in a fixed number of statements."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.order.checkout.views import StepView
from services.order.clients.member import Address
from services.order.orders.addresses import unseal
from services.order.orders.domain import Order
from services.order.orders.queries import TimelineEntry, timeline
from services.order.orders.storage import Orders
from services.order.orders.views import OrderView, told
from services.order.pricing import load_quote
from services.order.refunds.storage import Refunds
from services.order.refunds.views import OperatorRefundView, RefundView, operator_refunds, refunds_of
from services.order.shipments.views import OperatorShipmentView, ShipmentView, shipments_of
from shared.connection import Connection
from shared.crypto import FieldKeys, mask_phone
from shared.http.bodies import View


class TimelineView(View):
    """One step of an order's history."""

    status: str
    at: datetime
    reason: str | None


class OperatorTimelineView(TimelineView):
    """One step of an order's history, and who took it."""

    version: int
    actor_kind: str
    actor_id: UUID | None


class OrderDetailView(OrderView):
    """An order in full, as its member reads it."""

    explanation: list[StepView]
    delivery_address: Address
    timeline: list[TimelineView]
    shipments: list[ShipmentView]
    refunds: list[RefundView]


class OperatorOrderView(OrderView):
    """An order in an operator's list."""

    member_id: UUID


class OperatorOrderDetailView(OperatorOrderView):
    """An order in full, as operators read it; the address is masked for those who do not ship."""

    explanation: list[StepView]
    delivery_address: Address
    timeline: list[OperatorTimelineView]
    shipments: list[OperatorShipmentView]
    refunds: list[OperatorRefundView]


async def detail(connection: Connection, keys: FieldKeys, order: Order) -> OrderDetailView:
    """An order for its member."""
    return OrderDetailView(
        **await _common(connection, keys, order),
        timeline=[
            TimelineView(status=entry.status, at=entry.at, reason=entry.reason)
            for entry in await timeline(connection, order.id)
        ],
        shipments=[ShipmentView(**each.model_dump()) for each in await shipments_of(connection, order.id)],
        refunds=await refunds_of(connection, order.id),
    )


async def operator_detail(
    connection: Connection, keys: FieldKeys, order: Order, *, roles: frozenset[str]
) -> OperatorOrderDetailView:
    """An order for an operator with these roles."""
    common = await _common(connection, keys, order)
    if not roles & SHIPPING_ROLES:
        common["delivery_address"] = masked(common["delivery_address"])
    return OperatorOrderDetailView(
        **common,
        member_id=order.member_id,
        timeline=[_entry(entry) for entry in await timeline(connection, order.id)],
        shipments=await shipments_of(connection, order.id),
        refunds=await operator_refunds(connection, await Refunds(connection).of_order(order.id)),
    )


SHIPPING_ROLES = frozenset({"owner", "operations", "service_desk"})
"""The roles that must know where an order goes."""


def masked(address: Address) -> Address:
    """An address that tells the region and nothing personal."""
    return address.model_copy(
        update={
            "recipient": address.recipient[:1] + "**",
            "phone": mask_phone(address.phone),
            "street": "****",
        }
    )


async def _common(connection: Connection, keys: FieldKeys, order: Order) -> dict[str, Any]:
    orders = Orders(connection)
    quote = load_quote(await orders.quote(order.id))
    sealed = await orders.address_sealed(order.id)
    return {
        **told(order, await orders.lines(order.id)),
        "explanation": [StepView.model_validate(each) for each in quote.explanation],
        "delivery_address": unseal(keys, sealed, order_id=order.id),
    }


def _entry(entry: TimelineEntry) -> OperatorTimelineView:
    return OperatorTimelineView(
        status=entry.status,
        at=entry.at,
        reason=entry.reason,
        version=entry.version,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
    )
