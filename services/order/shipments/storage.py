"""Parcels and their tracking in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.shipments.domain import (
    MAX_PARCELS,
    Shipment,
    TrackingEvent,
    TrackingStatus,
    UploadStatus,
)
from shared.connection import Connection

_SHIPMENT = ", ".join(field.name for field in fields(Shipment))

_NEXT_NUMBER = text("SELECT coalesce(max(number), 0) + 1 FROM shipments WHERE order_id = :order_id")
_ADD = text(
    f"INSERT INTO shipments ({_SHIPMENT}) VALUES ({', '.join(f':{field.name}' for field in fields(Shipment))})"
)
_ADD_LINE = text(
    "INSERT INTO shipment_lines (shipment_id, order_line_id, quantity)"
    " VALUES (:shipment_id, :order_line_id, :quantity)"
)
_OF_ORDER = text(f"SELECT {_SHIPMENT} FROM shipments WHERE order_id = :order_id ORDER BY number")
_LINES = text(
    "SELECT shipment_id, order_line_id, quantity FROM shipment_lines"
    " JOIN shipments ON shipments.id = shipment_id WHERE order_id = :order_id ORDER BY number, order_line_id"
)
_RECORD = text(
    "UPDATE shipments SET upload_status = :upload_status, upload_error = :upload_error,"
    " uploaded_at = coalesce(:uploaded_at, uploaded_at), upload_attempts = upload_attempts + 1"
    " WHERE id = :id AND upload_status = 'pending'"
)
_REPORT_AGAIN = text(
    "UPDATE shipments SET upload_status = 'pending' WHERE order_id = :order_id AND upload_status = 'uploaded'"
    " AND number = (SELECT max(number) FROM shipments WHERE order_id = :order_id)"
)
_KNOWN = text(
    "SELECT EXISTS (SELECT FROM shipments WHERE carrier = :carrier AND tracking_number = :tracking_number)"
)
_ADD_EVENT = text(
    "INSERT INTO tracking_events (carrier, tracking_number, occurred_at, status, description, location, received_at)"
    " VALUES (:carrier, :tracking_number, :occurred_at, :status, :description, :location, :received_at)"
    " ON CONFLICT DO NOTHING"
)
_EVENTS = text(
    "SELECT DISTINCT e.carrier, e.tracking_number, e.occurred_at, e.status, e.description, e.location"
    " FROM tracking_events e JOIN shipments USING (carrier, tracking_number)"
    " WHERE order_id = :order_id ORDER BY e.occurred_at DESC, e.status"
)


class Shipments:
    """The parcels of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_number(self, order_id: UUID) -> int | None:
        """The number of the order's next parcel; None when it may have no more. The order is locked."""
        number: int = (await self._connection.execute(_NEXT_NUMBER, {"order_id": order_id})).scalar_one()
        return number if number <= MAX_PARCELS else None

    async def add(self, shipment: Shipment, parcel: Mapping[UUID, int]) -> None:
        """Write a parcel down with its content."""
        values = {field.name: getattr(shipment, field.name) for field in fields(Shipment)}
        await self._connection.execute(_ADD, values)
        await self._connection.execute_many(
            _ADD_LINE,
            [
                {"shipment_id": shipment.id, "order_line_id": order_line_id, "quantity": quantity}
                for order_line_id, quantity in parcel.items()
            ],
        )

    async def of_order(self, order_id: UUID) -> list[Shipment]:
        """The order's parcels."""
        rows = await self._connection.execute(_OF_ORDER, {"order_id": order_id})
        return [Shipment(**{**row, "upload_status": UploadStatus(row["upload_status"])}) for row in rows]

    async def contents(self, order_id: UUID) -> dict[UUID, dict[UUID, int]]:
        """What is in the order's parcels: by parcel, so many units of which lines."""
        contents: dict[UUID, dict[UUID, int]] = {}
        for shipment_id, order_line_id, quantity in await self._connection.execute(
            _LINES, {"order_id": order_id}
        ):
            contents.setdefault(shipment_id, {})[order_line_id] = quantity
        return contents

    async def record_upload(
        self,
        shipment_id: UUID,
        upload_status: UploadStatus,
        *,
        uploaded_at: datetime | None = None,
        error: str | None = None,
    ) -> None:
        """Note what came of reporting a parcel."""
        await self._connection.execute(
            _RECORD,
            {
                "id": shipment_id,
                "upload_status": upload_status,
                "upload_error": error,
                "uploaded_at": uploaded_at,
            },
        )

    async def report_last_again(self, order_id: UUID) -> None:
        """Have the last parcel reported once more, now as the last."""
        await self._connection.execute(_REPORT_AGAIN, {"order_id": order_id})

    async def is_known(self, carrier: str, tracking_number: str) -> bool:
        """Whether a parcel of ours goes under this number."""
        found = await self._connection.execute(
            _KNOWN, {"carrier": carrier, "tracking_number": tracking_number}
        )
        return bool(found.scalar_one())

    async def add_tracking(
        self, carrier: str, tracking_number: str, events: Sequence[TrackingEvent], *, at: datetime
    ) -> None:
        """Add what is not known yet of a parcel's way, in any order."""
        rows: list[dict[str, Any]] = [
            {
                "carrier": carrier,
                "tracking_number": tracking_number,
                "occurred_at": event.occurred_at,
                "status": event.status,
                "description": event.description,
                "location": event.location,
                "received_at": at,
            }
            for event in events
        ]
        await self._connection.execute_many(_ADD_EVENT, rows)

    async def tracking(self, order_id: UUID) -> dict[tuple[str, str], list[TrackingEvent]]:
        """The way of the order's parcels, latest first, by carrier and tracking number."""
        found: dict[tuple[str, str], list[TrackingEvent]] = {}
        for carrier, number, occurred_at, status, description, location in await self._connection.execute(
            _EVENTS, {"order_id": order_id}
        ):
            event = TrackingEvent(occurred_at, TrackingStatus(status), description, location)
            found.setdefault((carrier, number), []).append(event)
        return found
