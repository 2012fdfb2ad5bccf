"""Counting what of a line was shipped or goes back, never more than was bought (K12, P8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SHIP = text(
    "UPDATE order_lines SET shipped_quantity = shipped_quantity + :quantity WHERE id = :id"
    " AND shipped_quantity + cancelled_quantity + :quantity <= quantity"
)
_REFUND = text(
    "UPDATE order_lines SET refunded_quantity = refunded_quantity + :quantity, refunded_fen = refunded_fen + :amount_fen,"
    " refunded_points = refunded_points + :points_returned,"
    " cancelled_quantity = cancelled_quantity + least(:quantity, quantity - shipped_quantity - cancelled_quantity)"
    " WHERE id = :id AND refunded_quantity + :quantity <= quantity"
)


class NotSoMany(Exception):
    """More was asked than is left of a line."""


@dataclass(frozen=True, slots=True)
class UnitsBack:
    """Units of a line that are refunded, with their money and points."""

    order_line_id: UUID
    quantity: int
    amount_fen: int
    points_returned: int


async def count_shipped(connection: AsyncConnection, shipped: Sequence[tuple[UUID, int]]) -> None:
    """Count units of lines as shipped; raises NotSoMany."""
    for order_line_id, quantity in sorted(shipped):
        done = await connection.execute(_SHIP, {"id": order_line_id, "quantity": quantity})
        if done.rowcount != 1:
            raise NotSoMany(f"line {order_line_id} has no {quantity} units to ship")


async def count_refunded(connection: AsyncConnection, back: Sequence[UnitsBack]) -> None:
    """Count units of lines as refunded; those not shipped yet will not be. Raises NotSoMany."""
    for units in sorted(back, key=lambda units: units.order_line_id):
        done = await connection.execute(
            _REFUND,
            {
                "id": units.order_line_id,
                "quantity": units.quantity,
                "amount_fen": units.amount_fen,
                "points_returned": units.points_returned,
            },
        )
        if done.rowcount != 1:
            raise NotSoMany(f"line {units.order_line_id} has no {units.quantity} units to refund")
