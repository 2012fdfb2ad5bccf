"""One order in full, read in one statement: clients look again and again whether it is paid."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.checkout.views import StepView
from services.order.clients.member import Address
from services.order.orders.addresses import unseal
from services.order.orders.views import BoughtLineView, OrderView
from services.order.refunds.views import OperatorRefundView, RefundView
from services.order.shipments.views import OperatorShipmentView, ShipmentView
from shared.connection import Connection
from shared.crypto import FieldKeys, mask_phone
from shared.http.bodies import View
from shared.http.problems import NotFound


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


def _all(query: str) -> str:
    """SQL for the rows of a query as one JSON array."""
    return f"(SELECT coalesce(json_agg(x), '[]') FROM ({query}) AS x)"


_OWN = ", ".join(f"o.{name}" for name in OrderView.model_fields if name not in ("order_id", "lines"))
_LINE = ", ".join(name for name in BoughtLineView.model_fields if name != "order_line_id")
_LINES = f"SELECT id AS order_line_id, {_LINE} FROM order_lines WHERE order_id = o.id ORDER BY id"
_TIMELINE = (
    "SELECT version, status, at, reason, actor_kind, actor_id FROM order_history"
    " WHERE order_id = o.id ORDER BY version"
)
_PARCEL = "SELECT order_line_id, quantity FROM shipment_lines WHERE shipment_id = s.id ORDER BY order_line_id"
_SHIPMENTS = (
    "SELECT id AS shipment_id, order_id, carrier, tracking_number, shipped_at, upload_status, upload_attempts,"
    f" upload_error, {_all(_PARCEL)} AS lines FROM shipments s WHERE order_id = o.id ORDER BY number"
)
_UNITS = (
    "SELECT order_line_id, quantity, quantity - off_shelf_quantity AS restock_quantity, amount_fen, points_returned"
    " FROM refund_lines WHERE refund_id = r.id ORDER BY order_line_id"
)
_REFUNDS = (
    "SELECT id AS refund_id, refund_number, order_id, status, freight_fen, refund_fen, points_returned, reason,"
    f" requested_at, refunded_at, requested_by, failure_reason, {_all(_UNITS)} AS lines"
    " FROM refunds r WHERE order_id = o.id ORDER BY number"
)
_DETAIL = text(
    f"SELECT {_OWN}, o.id AS order_id, o.member_id, o.address_sealed, o.quote -> 'explanation' AS explanation,"
    f" {_all(_LINES)} AS lines, {_all(_TIMELINE)} AS timeline, {_all(_SHIPMENTS)} AS shipments,"
    f" {_all(_REFUNDS)} AS refunds FROM orders o"
    " WHERE o.id = :order_id AND (CAST(:member_id AS uuid) IS NULL OR o.member_id = :member_id)"
)


async def detail(
    connection: Connection, keys: FieldKeys, order_id: UUID, *, member_id: UUID
) -> OrderDetailView:
    """An order for its member; raises NotFound (SEC9)."""
    return OrderDetailView.model_validate(await _read(connection, keys, order_id, member_id=member_id))


async def operator_detail(
    connection: Connection, keys: FieldKeys, order_id: UUID, *, roles: frozenset[str]
) -> OperatorOrderDetailView:
    """An order for an operator with these roles; raises NotFound."""
    found = OperatorOrderDetailView.model_validate(await _read(connection, keys, order_id, member_id=None))
    if roles & SHIPPING_ROLES:
        return found
    return found.model_copy(update={"delivery_address": masked(found.delivery_address)})


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


async def _read(
    connection: Connection, keys: FieldKeys, order_id: UUID, *, member_id: UUID | None
) -> Mapping[str, Any]:
    found = await connection.execute(_DETAIL, {"order_id": order_id, "member_id": member_id})
    if (row := found.one_or_none()) is None:
        raise NotFound()
    address = unseal(keys, row.address_sealed, order_id=order_id)
    return {**row, "delivery_address": address}
