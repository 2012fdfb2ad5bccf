"""Cart lines, and what has become of them since they were added."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.order.clients.catalog import Sku
from shared.http.problems import Problem

MAX_LINES = 100
"""So many different SKUs fit into a cart."""


class CartFull(Problem):
    """The cart holds as many different SKUs as it may."""

    slug, title, status = "order/cart-full", "The cart is full", 409


class NotOnSale(Problem):
    """The SKU exists and is not sold now."""

    slug, title, status = "order/not-on-sale", "This is not on sale now", 409


class Flag(StrEnum):
    """What a shopper should know about a cart line."""

    DELETED = "deleted"
    OFF_SALE = "off_sale"
    SHORT_OF_STOCK = "short_of_stock"
    PRICE_CHANGED = "price_changed"


@dataclass(frozen=True, slots=True)
class CartLine:
    """So many of one SKU, and what it cost when it was added."""

    sku_id: UUID
    quantity: int
    is_selected: bool
    added_price_fen: int
    added_at: datetime


def flags(line: CartLine, sku: Sku | None) -> list[Flag]:
    """What has become of a line's SKU since it was added."""
    if sku is None:
        return [Flag.DELETED]
    found = []
    if not sku.is_on_sale:
        found.append(Flag.OFF_SALE)
    elif sku.available < line.quantity:
        found.append(Flag.SHORT_OF_STOCK)
    if sku.unit_price_fen != line.added_price_fen:
        found.append(Flag.PRICE_CHANGED)
    return found
