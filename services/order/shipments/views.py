"""Parcels as people read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.order.shipments.domain import Shipment, TrackingEvent, TrackingStatus, UploadStatus
from shared.http.bodies import View


class ShipmentLineView(View):
    """So many units of an order line."""

    order_line_id: UUID
    quantity: int


class ShipmentView(View):
    """A parcel and what is in it."""

    shipment_id: UUID
    order_id: UUID
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: list[ShipmentLineView]

    @classmethod
    def of(cls, shipment: Shipment, content: Mapping[UUID, int]) -> "ShipmentView":
        return cls(**_told(shipment, content))


class OperatorShipmentView(ShipmentView):
    """A parcel with how reporting it to WeChat stands."""

    upload_status: UploadStatus
    upload_attempts: int
    upload_error: str | None

    @classmethod
    def of(cls, shipment: Shipment, content: Mapping[UUID, int]) -> "OperatorShipmentView":
        return cls(
            **_told(shipment, content),
            upload_status=shipment.upload_status,
            upload_attempts=shipment.upload_attempts,
            upload_error=shipment.upload_error,
        )


class TrackingEventView(View):
    """One thing that happened to a parcel."""

    occurred_at: datetime
    status: TrackingStatus
    description: str
    location: str | None


class TrackedShipmentView(ShipmentView):
    """A parcel and its way, latest first; `status` is null before the carrier says anything."""

    status: TrackingStatus | None
    events: list[TrackingEventView]

    @classmethod
    def of_tracked(
        cls, shipment: Shipment, content: Mapping[UUID, int], events: Sequence[TrackingEvent]
    ) -> "TrackedShipmentView":
        return cls(
            **_told(shipment, content),
            status=events[0].status if events else None,
            events=[
                TrackingEventView(
                    occurred_at=event.occurred_at,
                    status=event.status,
                    description=event.description,
                    location=event.location,
                )
                for event in events
            ],
        )


def _told(shipment: Shipment, content: Mapping[UUID, int]) -> dict[str, object]:
    return {
        "shipment_id": shipment.id,
        "order_id": shipment.order_id,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "shipped_at": shipment.shipped_at,
        "lines": [
            ShipmentLineView(order_line_id=order_line_id, quantity=quantity)
            for order_line_id, quantity in content.items()
        ],
    }
