"""Refunds in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.refunds.domain import MAX_REFUNDS, Refund, RefundStatus, RefundUnits
from shared.connection import Connection
from shared.http.problems import NotFound

_REFUND = ", ".join(field.name for field in fields(Refund))

_NEXT_NUMBER = text("SELECT coalesce(max(number), 0) + 1 FROM refunds WHERE order_id = :order_id")
_ADD = text(
    f"INSERT INTO refunds ({_REFUND}) VALUES ({', '.join(f':{field.name}' for field in fields(Refund))})"
)
_ADD_LINE = text(
    "INSERT INTO refund_lines (refund_id, order_line_id, quantity, off_shelf_quantity, amount_fen, points_returned)"
    " VALUES (:refund_id, :order_line_id, :quantity, :off_shelf_quantity, :amount_fen, :points_returned)"
)
_FIND = text(f"SELECT {_REFUND} FROM refunds WHERE id = :id")
_OF_ORDER = text(f"SELECT {_REFUND} FROM refunds WHERE order_id = :order_id ORDER BY number")
_PAGE = text(
    f"SELECT {_REFUND} FROM refunds WHERE (CAST(:status AS text) IS NULL OR status = :status)"
    " AND id < :before ORDER BY id DESC LIMIT :limit"
)
_UNITS = text(
    "SELECT refund_id, order_line_id, sku_id, product_id, refund_lines.quantity, off_shelf_quantity, amount_fen,"
    " points_returned"
    " FROM refund_lines JOIN order_lines ON order_lines.id = order_line_id"
    " WHERE refund_id = ANY(:refund_ids) ORDER BY refund_id, order_line_id"
)
_SUCCEED = text(
    "UPDATE refunds SET status = 'succeeded', failure_reason = NULL, refunded_at = :refunded_at"
    " WHERE id = :id AND status <> 'succeeded'"
)
_FAIL = text(
    "UPDATE refunds SET status = 'needs_attention', failure_reason = :failure_reason"
    " WHERE id = :id AND status <> 'succeeded'"
)
_RETRY = text("UPDATE refunds SET status = 'requested' WHERE id = :id AND status = 'needs_attention'")
_IS_FULL = text(
    "SELECT NOT EXISTS (SELECT FROM order_lines WHERE order_id = :order_id AND refunded_quantity < quantity)"
    " AND NOT EXISTS (SELECT FROM refunds WHERE order_id = :order_id AND status <> 'succeeded')"
)


class Refunds:
    """The refunds of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_number(self, order_id: UUID) -> int | None:
        """The number of the order's next refund; None when it may have no more. The order is locked."""
        number: int = (await self._connection.execute(_NEXT_NUMBER, {"order_id": order_id})).scalar_one()
        return number if number <= MAX_REFUNDS else None

    async def add(self, refund: Refund, units: Sequence[RefundUnits]) -> None:
        """Write a refund down with its lines."""
        await self._connection.execute(_ADD, asdict(refund))
        await self._connection.execute_many(
            _ADD_LINE,
            [
                {
                    "refund_id": refund.id,
                    "order_line_id": each.order_line_id,
                    "quantity": each.quantity,
                    "off_shelf_quantity": each.off_shelf_quantity,
                    "amount_fen": each.amount_fen,
                    "points_returned": each.points_returned,
                }
                for each in units
            ],
        )

    async def find(self, refund_id: UUID) -> Refund:
        """The refund; raises NotFound."""
        row = (await self._connection.execute(_FIND, {"id": refund_id})).one_or_none()
        if row is None:
            raise NotFound()
        return _refund(row)

    async def of_order(self, order_id: UUID) -> list[Refund]:
        """The order's refunds."""
        rows = await self._connection.execute(_OF_ORDER, {"order_id": order_id})
        return [_refund(row) for row in rows]

    async def page(self, *, status: RefundStatus | None, before: UUID, limit: int) -> list[Refund]:
        """Refunds of all orders, latest first."""
        rows = await self._connection.execute(_PAGE, {"status": status, "before": before, "limit": limit})
        return [_refund(row) for row in rows]

    async def units(self, refund_ids: Sequence[UUID]) -> dict[UUID, list[RefundUnits]]:
        """What goes back in refunds, by refund."""
        found: dict[UUID, list[RefundUnits]] = {refund_id: [] for refund_id in refund_ids}
        for refund_id, *values in await self._connection.execute(_UNITS, {"refund_ids": list(refund_ids)}):
            found[refund_id].append(RefundUnits(*values))
        return found

    async def succeed(self, refund_id: UUID, *, refunded_at: datetime) -> bool:
        """The money went back; False when that was known."""
        done = await self._connection.execute(_SUCCEED, {"id": refund_id, "refunded_at": refunded_at})
        return done.rowcount == 1

    async def fail(self, refund_id: UUID, *, failure_reason: str) -> None:
        """The money could not go back."""
        await self._connection.execute(_FAIL, {"id": refund_id, "failure_reason": failure_reason})

    async def retry(self, refund_id: UUID) -> bool:
        """Have the money sent once more; False unless the refund needs attention."""
        return (await self._connection.execute(_RETRY, {"id": refund_id})).rowcount == 1

    async def is_full(self, order_id: UUID) -> bool:
        """Whether all units of the order were refunded and all of that arrived. The order is locked."""
        return bool((await self._connection.execute(_IS_FULL, {"order_id": order_id})).scalar_one())


def _refund(row: Any) -> Refund:
    return Refund(**{**row, "status": RefundStatus(row["status"])})
