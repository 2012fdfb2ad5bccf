"""What a shopper should know about a quote: told when previewing, refused when ordering."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.http.problems import NotFound, Problem
from shared.http.services import ServiceUnavailable


class NoteCode(StrEnum):
    """What a note is about."""

    LINE_NOT_AVAILABLE = "line_not_available"
    SHORT_OF_STOCK = "short_of_stock"
    ADDRESS_NEEDED = "address_needed"
    COUPON_NOT_USABLE = "coupon_not_usable"
    COUPON_UNKNOWN = "coupon_unknown"
    COUPON_UNCHECKED = "coupon_unchecked"
    POINTS_NOT_USABLE = "points_not_usable"
    MEMBER_UNAVAILABLE = "member_unavailable"
    OFFERS_UNAVAILABLE = "offers_unavailable"


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a quote; `members` are its particulars, as JSON values."""

    code: NoteCode
    detail: str
    sku_id: UUID | None = None
    members: dict[str, Any] = field(default_factory=dict)


class LineNotAvailable(Problem):
    """Something that was to be bought is not sold any more."""

    slug, title, status = "order/line-not-available", "Something is no longer on sale", 409


class AddressNeeded(Problem):
    """The order would go nowhere."""

    slug, title, status = "order/address-needed", "Please choose a delivery address", 409


class CouponNotUsable(Problem):
    """The wished coupon cannot be used on this order; `reason` tells why."""

    slug, title, status = "order/coupon-not-usable", "This coupon cannot be used", 409


class PointsNotUsable(Problem):
    """Fewer points can be used than wished; `usable_points` tells how many."""

    slug, title, status = "order/points-not-usable", "So many points cannot be used", 409


_REFUSED: dict[NoteCode, type[Problem]] = {
    NoteCode.LINE_NOT_AVAILABLE: LineNotAvailable,
    NoteCode.ADDRESS_NEEDED: AddressNeeded,
    NoteCode.COUPON_NOT_USABLE: CouponNotUsable,
    NoteCode.COUPON_UNKNOWN: NotFound,
    NoteCode.COUPON_UNCHECKED: ServiceUnavailable,
    NoteCode.POINTS_NOT_USABLE: PointsNotUsable,
}
"""Notes that an order cannot be placed with. Short stock is not among them: the reservation decides."""


def refuse(notes: Sequence[Note]) -> None:
    """Raise the Problem of the first note that an order cannot be placed with."""
    for note in notes:
        if (problem := _REFUSED.get(note.code)) is not None:
            subject: dict[str, Any] = {} if note.sku_id is None else {"sku_id": str(note.sku_id)}
            raise problem(note.detail, **subject, **note.members)
