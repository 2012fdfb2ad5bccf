"""After-sale requests, their lines and their history in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.after_sales.domain import (
    AfterSale,
    AfterSaleKind,
    AfterSaleLine,
    AfterSaleReason,
    AfterSaleStatus,
)
from services.order.orders.domain import Actor
from services.order.orders.storage import ConcurrentChange
from shared.connection import Connection
from shared.http.problems import NotFound

_STORED = [field.name for field in fields(AfterSale) if field.name != "order_number"]
COLUMNS = ", ".join([*(f"after_sales.{name}" for name in _STORED), "orders.order_number"])
_FROM = "after_sales JOIN orders ON orders.id = after_sales.order_id"

_NEXT_NUMBER = text("SELECT coalesce(max(number), 0) + 1 FROM after_sales WHERE order_id = :order_id")
_ADD = text(
    f"INSERT INTO after_sales ({', '.join(_STORED)}) VALUES ({', '.join(f':{name}' for name in _STORED)})"
)
_ADD_LINE = text(
    "INSERT INTO after_sale_lines (after_sale_id, order_line_id, quantity, held_back_quantity)"
    " VALUES (:after_sale_id, :order_line_id, :quantity, :held_back_quantity)"
)
_STEP = (
    "INSERT INTO after_sale_history (after_sale_id, version, from_status, status, reason, actor_kind, actor_id, at)"
    " SELECT CAST(:id AS uuid), CAST(:version AS integer), CAST(:from_status AS text), CAST(:status AS text),"
    " CAST(:step_reason AS text), CAST(:actor_kind AS text), CAST(:actor_id AS uuid), CAST(:at AS timestamptz)"
)
_FIRST_STEP = text(_STEP)
_MOVE = text(
    "WITH moved AS (UPDATE after_sales SET status = CAST(:status AS text), version = CAST(:version AS integer),"
    " reason = :reason, refund_id = :refund_id, return_carrier = :return_carrier,"
    " return_tracking_number = :return_tracking_number, replacement_carrier = :replacement_carrier,"
    " replacement_tracking_number = :replacement_tracking_number, due_at = :due_at, ended_at = :ended_at"
    f" WHERE id = CAST(:id AS uuid) AND version = CAST(:version AS integer) - 1 RETURNING id) {_STEP} FROM moved"
)
_FIND = text(
    f"SELECT {COLUMNS} FROM {_FROM} WHERE after_sales.id = :id"
    " AND (CAST(:member_id AS uuid) IS NULL OR after_sales.member_id = :member_id)"
)
_LOCK = text(f"SELECT {COLUMNS} FROM {_FROM} WHERE after_sales.id = :id FOR UPDATE OF after_sales")
_OF_REFUND = text("SELECT id FROM after_sales WHERE refund_id = :refund_id")
_LINES = text(
    "SELECT after_sale_id, order_line_id, sku_id, product_name, after_sale_lines.quantity,"
    " after_sale_lines.held_back_quantity, restockable_quantity"
    " FROM after_sale_lines JOIN order_lines ON order_lines.id = order_line_id"
    " WHERE after_sale_id = ANY(:ids) ORDER BY after_sale_id, order_line_id"
)
_INSPECT = text(
    "UPDATE after_sale_lines SET restockable_quantity = :restockable_quantity"
    " WHERE after_sale_id = :after_sale_id AND order_line_id = :order_line_id"
)


class AfterSales:
    """The after-sale requests of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_number(self, order_id: UUID) -> int:
        """The number of the order's next request. The order is locked."""
        found: int = (await self._connection.execute(_NEXT_NUMBER, {"order_id": order_id})).scalar_one()
        return found

    async def add(self, after_sale: AfterSale, lines: Sequence[AfterSaleLine], *, by: Actor) -> None:
        """Write a new request down with its lines and its first step."""
        await self._connection.execute(_ADD, asdict(after_sale))
        await self._connection.execute_many(
            _ADD_LINE,
            [
                {
                    "after_sale_id": after_sale.id,
                    "order_line_id": line.order_line_id,
                    "quantity": line.quantity,
                    "held_back_quantity": line.held_back_quantity,
                }
                for line in lines
            ],
        )
        step = _step(after_sale, None, by=by, at=after_sale.applied_at, reason=after_sale.reason)
        await self._connection.execute(_FIRST_STEP, step)

    async def find(self, after_sale_id: UUID, *, member_id: UUID | None = None) -> AfterSale:
        """The request, of this member when one is named; raises NotFound (SEC9)."""
        found = await self._connection.execute(_FIND, {"id": after_sale_id, "member_id": member_id})
        return to_after_sale(found.one_or_none())

    async def lock(self, after_sale_id: UUID) -> AfterSale:
        """The request, kept from others until the transaction ends; raises NotFound. Its order is locked before."""
        found = await self._connection.execute(_LOCK, {"id": after_sale_id})
        return to_after_sale(found.one_or_none())

    async def of_refund(self, refund_id: UUID) -> UUID | None:
        """The request that a refund is for."""
        found = await self._connection.execute(_OF_REFUND, {"refund_id": refund_id})
        after_sale_id: UUID | None = found.scalar_one_or_none()
        return after_sale_id

    async def save(
        self,
        moved: AfterSale,
        *,
        from_status: AfterSaleStatus,
        by: Actor,
        at: datetime,
        reason: str | None,
    ) -> None:
        """Write a request that was moved one step, and the step; raises ConcurrentChange."""
        step = _step(moved, from_status, by=by, at=at, reason=reason)
        if (await self._connection.execute(_MOVE, asdict(moved) | step)).rowcount != 1:
            raise ConcurrentChange(f"after-sale {moved.id} changed meanwhile")

    async def lines(self, after_sale_id: UUID) -> list[AfterSaleLine]:
        """What the request is about."""
        return (await self.lines_of([after_sale_id]))[after_sale_id]

    async def lines_of(self, after_sale_ids: Sequence[UUID]) -> dict[UUID, list[AfterSaleLine]]:
        """What requests are about, by request."""
        found: dict[UUID, list[AfterSaleLine]] = {each: [] for each in after_sale_ids}
        for after_sale_id, *values in await self._connection.execute(_LINES, {"ids": list(after_sale_ids)}):
            found[after_sale_id].append(AfterSaleLine(*values))
        return found

    async def inspect(self, after_sale_id: UUID, restockable: Mapping[UUID, int]) -> None:
        """Note how many of the units that came back can be sold again, by line."""
        await self._connection.execute_many(
            _INSPECT,
            [
                {
                    "after_sale_id": after_sale_id,
                    "order_line_id": order_line_id,
                    "restockable_quantity": quantity,
                }
                for order_line_id, quantity in restockable.items()
            ],
        )


def to_after_sale(row: Any) -> AfterSale:
    """The request in a row of its columns; raises NotFound without one."""
    if row is None:
        raise NotFound()
    typed = {
        "kind": AfterSaleKind(row["kind"]),
        "status": AfterSaleStatus(row["status"]),
        "reason": AfterSaleReason(row["reason"]),
    }
    return AfterSale(**{**row, **typed})


def _step(
    moved: AfterSale, from_status: AfterSaleStatus | None, *, by: Actor, at: datetime, reason: str | None
) -> dict[str, Any]:
    return {
        "id": moved.id,
        "version": moved.version,
        "from_status": from_status,
        "status": moved.status,
        "step_reason": reason,
        "actor_kind": by.kind,
        "actor_id": by.id,
        "at": at,
    }
