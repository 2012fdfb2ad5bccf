"""What a shopper asks for at checkout."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WishedLine:
    """So many of one SKU."""

    sku_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be bought and how; without `lines` what is selected in the cart, without `address_id` the default."""

    lines: tuple[WishedLine, ...] | None = None
    address_id: UUID | None = None
    coupon_id: UUID | None = None
    use_points: int = 0


def quantities_of(lines: Iterable[WishedLine]) -> dict[UUID, int]:
    """How many of each SKU."""
    return {line.sku_id: line.quantity for line in lines}
