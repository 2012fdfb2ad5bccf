"""Counting what of a line was shipped or goes back, never more than was bought (K12, P8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

MAX_REQUESTS = 5
"""So many after-sale requests may name one line (domain.md)."""

_SHIP = text(
    "UPDATE order_lines SET shipped_quantity = shipped_quantity + :quantity WHERE id = :id"
    " AND shipped_quantity + cancelled_quantity + held_back_quantity + :quantity <= quantity"
)
_REFUND = text(
    "UPDATE order_lines SET refunded_quantity = refunded_quantity + :quantity, refunded_fen = refunded_fen + :amount_fen,"
    " refunded_points = refunded_points + :points_returned,"
    " cancelled_quantity = cancelled_quantity + :cancelled_quantity"
    " WHERE id = :id AND refunded_quantity + claimed_quantity + :quantity <= quantity"
    " AND shipped_quantity + cancelled_quantity + held_back_quantity + :cancelled_quantity <= quantity"
)
_CLAIM = text(
    "UPDATE order_lines SET claimed_quantity = claimed_quantity + :quantity,"
    " held_back_quantity = held_back_quantity + :held_back_quantity, after_sale_requests = after_sale_requests + 1"
    f" WHERE id = :id AND after_sale_requests < {MAX_REQUESTS}"
    " AND refunded_quantity + claimed_quantity + :quantity <= quantity"
    " AND shipped_quantity + cancelled_quantity + held_back_quantity + :held_back_quantity <= quantity"
)
_UNCLAIM = text(
    "UPDATE order_lines SET claimed_quantity = claimed_quantity - :quantity,"
    " held_back_quantity = held_back_quantity - :held_back_quantity WHERE id = :id"
)
_IS_CLAIMED = text(
    "SELECT EXISTS (SELECT FROM order_lines WHERE order_id = :order_id AND claimed_quantity > 0)"
)


class NotSoMany(Exception):
    """More was asked than is left of a line."""


@dataclass(frozen=True, slots=True)
class UnitsBack:
    """Units of a line that are refunded, with their money and points; `cancelled_quantity` of them never left."""

    order_line_id: UUID
    quantity: int
    cancelled_quantity: int
    amount_fen: int
    points_returned: int


@dataclass(frozen=True, slots=True)
class ClaimedUnits:
    """Units of a line that an after-sale request is about; `held_back_quantity` of them have not left."""

    order_line_id: UUID
    quantity: int
    held_back_quantity: int


async def count_shipped(connection: Connection, shipped: Sequence[tuple[UUID, int]]) -> None:
    """Count units of lines as shipped; raises NotSoMany."""
    for order_line_id, quantity in sorted(shipped):
        done = await connection.execute(_SHIP, {"id": order_line_id, "quantity": quantity})
        if done.rowcount != 1:
            raise NotSoMany(f"line {order_line_id} has no {quantity} units to ship")


async def count_refunded(connection: Connection, back: Sequence[UnitsBack]) -> None:
    """Count units of lines as refunded, some of them as never to be shipped; raises NotSoMany."""
    for units in sorted(back, key=lambda units: units.order_line_id):
        done = await connection.execute(
            _REFUND,
            {
                "id": units.order_line_id,
                "quantity": units.quantity,
                "cancelled_quantity": units.cancelled_quantity,
                "amount_fen": units.amount_fen,
                "points_returned": units.points_returned,
            },
        )
        if done.rowcount != 1:
            raise NotSoMany(f"line {units.order_line_id} has no {units.quantity} units to refund")


async def count_claimed(connection: Connection, claimed: Sequence[ClaimedUnits]) -> None:
    """Claim units of lines for an after-sale request; raises NotSoMany."""
    for units in sorted(claimed, key=lambda units: units.order_line_id):
        done = await connection.execute(_CLAIM, _claim(units))
        if done.rowcount != 1:
            raise NotSoMany(f"line {units.order_line_id} has no {units.quantity} units to claim")


async def count_unclaimed(connection: Connection, claimed: Sequence[ClaimedUnits]) -> None:
    """Let units go that an after-sale request claimed."""
    for units in sorted(claimed, key=lambda units: units.order_line_id):
        await connection.execute(_UNCLAIM, _claim(units))


async def is_claimed(connection: Connection, order_id: UUID) -> bool:
    """Whether an after-sale request of the order is not decided."""
    return bool((await connection.execute(_IS_CLAIMED, {"order_id": order_id})).scalar_one())


def _claim(units: ClaimedUnits) -> dict[str, Any]:
    return {
        "id": units.order_line_id,
        "quantity": units.quantity,
        "held_back_quantity": units.held_back_quantity,
    }
