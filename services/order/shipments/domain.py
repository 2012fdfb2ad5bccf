"""Parcels, and what may go into one (OR-03)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.order.orders.domain import BoughtLine
from shared.http.problems import Invalid, Problem

MAX_PARCELS = 15
"""WeChat takes so many parcels for one payment (wechat.md 4.3)."""


class UploadStatus(StrEnum):
    """How reporting a parcel to WeChat stands (OR-14)."""

    PENDING = "pending"
    UPLOADED = "uploaded"
    NOT_NEEDED = "not_needed"
    REFUSED = "refused"


class TrackingStatus(StrEnum):
    """What a carrier says happened to a parcel."""

    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    PROBLEM = "problem"
    RETURNED = "returned"


class NothingToShip(Problem):
    """So many units of a line may not be shipped; `order_line_id` and `unshipped_quantity` tell which.

    Units that are being refunded, or may be, stay here.
    """

    slug, title, status = "order/nothing-to-ship", "There is not so much left to ship", 409


class TooManyParcels(Problem):
    """The order has as many parcels as WeChat takes."""

    slug, title, status = "order/too-many-parcels", "An order may have at most 15 parcels", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A parcel of an order, the `number`-th from 1."""

    id: UUID
    order_id: UUID
    number: int
    carrier: str
    tracking_number: str
    shipped_at: datetime
    upload_status: UploadStatus
    upload_attempts: int
    upload_error: str | None
    uploaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """One thing a carrier says happened to a parcel."""

    occurred_at: datetime
    status: TrackingStatus
    description: str
    location: str | None


def choose(lines: Sequence[BoughtLine], wanted: Mapping[UUID, int] | None) -> dict[UUID, int]:
    """How many units of which lines go into a parcel: the wanted, or all that is left.

    Raises Invalid for a line of another order, NothingToShip.
    """
    left = {line.id: line.shippable_quantity for line in lines}
    if wanted is None:
        wanted = {order_line_id: quantity for order_line_id, quantity in left.items() if quantity}
    if not wanted:
        raise NothingToShip()
    for order_line_id, quantity in wanted.items():
        if order_line_id not in left:
            raise Invalid("A line is not of this order.", order_line_id=str(order_line_id))
        if quantity > left[order_line_id]:
            raise NothingToShip(order_line_id=str(order_line_id), unshipped_quantity=left[order_line_id])
    return dict(wanted)


def is_complete(lines: Sequence[BoughtLine], parcel: Mapping[UUID, int]) -> bool:
    """Whether nothing is left to ship once this parcel is gone."""
    return all(line.unshipped_quantity == parcel.get(line.id, 0) for line in lines)
