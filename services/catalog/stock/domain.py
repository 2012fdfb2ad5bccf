"""The words and refusals of stock."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.http.problems import Problem


class ReservationState(StrEnum):
    """What became of an order's stock; it leaves ``held`` once (S3)."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class InsufficientStock(Problem):
    """Some SKU has less left than is wanted; nothing was reserved."""

    slug, title, status = "catalog/insufficient-stock", "Not enough stock", 409


class ReservationReleased(Problem):
    """The order gave its stock back, or said that it will never need it."""

    slug, title, status = "catalog/reservation-released", "The reservation was released", 409


class ReservationCommitted(Problem):
    """The order is paid: its stock is sold."""

    slug, title, status = "catalog/reservation-committed", "The reservation was committed", 409


class ReservationDiffers(Problem):
    """The order holds other stock than is asked for now."""

    slug, title, status = "catalog/reservation-differs", "The order holds something else", 409


@dataclass(frozen=True, slots=True)
class Shortage:
    """A SKU of which less is left than is wanted."""

    sku_id: UUID
    wanted: int
    available: int


@dataclass(frozen=True, slots=True)
class Move:
    """What one unit of a kind of movement does to the numbers of a SKU."""

    kind: str
    source_type: str
    on_hand: int = 0
    reserved: int = 0
    sold: int = 0


RECEIVE = Move("receive", "sku", on_hand=1)
COMMIT = Move("commit", "order", on_hand=-1, reserved=-1, sold=1)
RELEASE = Move("release", "order", reserved=-1)
RESTOCK = Move("restock", "refund", on_hand=1, sold=-1)
TAKE_BACK = Move("restock", "after_sale", on_hand=1, sold=-1)


@dataclass(frozen=True, slots=True)
class Return:
    """Units of a SKU that are no longer the buyer's; ``restock_quantity`` of them go back on the shelf.

    The others were never seen again or cannot be sold: they stay counted as sold, and the ledger says so.
    """

    quantity: int
    restock_quantity: int

    def __add__(self, other: "Return") -> "Return":
        return Return(self.quantity + other.quantity, self.restock_quantity + other.restock_quantity)

    @property
    def note(self) -> str | None:
        """What the ledger says of units that stay off the shelf."""
        off_shelf = self.quantity - self.restock_quantity
        return f"{off_shelf} of {self.quantity} stay off the shelf" if off_shelf else None
