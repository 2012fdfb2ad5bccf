"""Where an order stands, and lists of orders: a page and its lines in two statements."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.order.orders.domain import BoughtLine, Order, OrderStatus
from services.order.orders.storage import to_order
from shared.connection import Connection
from shared.http.problems import NotFound

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))

_STATUS = text("SELECT status FROM orders WHERE id = :order_id AND member_id = :member_id")
_OF_MEMBER = text(
    f"SELECT {_ORDER} FROM orders WHERE member_id = :member_id"
    " AND (CAST(:status AS text) IS NULL OR status = :status)"
    " AND id < :before AND status <> 'creating' AND close_reason IS DISTINCT FROM 'refused'"
    " AND close_reason IS DISTINCT FROM 'unavailable' ORDER BY id DESC LIMIT :limit"
)
_ALL = text(
    f"SELECT {_ORDER} FROM orders WHERE (CAST(:status AS text) IS NULL OR status = :status)"
    " AND (CAST(:member_id AS uuid) IS NULL OR member_id = :member_id)"
    " AND (CAST(:order_number AS text) IS NULL OR order_number = :order_number)"
    " AND (CAST(:placed_from AS timestamptz) IS NULL OR placed_at >= :placed_from)"
    " AND (CAST(:placed_before AS timestamptz) IS NULL OR placed_at < :placed_before)"
    " AND id < :before ORDER BY id DESC LIMIT :limit"
)
_LINES = text(
    f"SELECT order_id, {_LINE} FROM order_lines WHERE order_id = ANY(:order_ids) ORDER BY order_id, id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders an operator looks for; None asks for all."""

    status: OrderStatus | None = None
    member_id: UUID | None = None
    order_number: str | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None


async def status_of(connection: Connection, order_id: UUID, *, member_id: UUID) -> OrderStatus:
    """The status of a member's order; raises NotFound (SEC9)."""
    found = await connection.execute(_STATUS, {"order_id": order_id, "member_id": member_id})
    if (status := found.scalar_one_or_none()) is None:
        raise NotFound()
    return OrderStatus(status)


async def orders_of_member(
    connection: Connection,
    member_id: UUID,
    *,
    status: OrderStatus | None,
    before: UUID,
    limit: int,
) -> list[Order]:
    """The member's orders that came to be, latest first."""
    asked = {"member_id": member_id, "status": status, "before": before, "limit": limit}
    return [to_order(row) for row in await connection.execute(_OF_MEMBER, asked)]


async def all_orders(connection: Connection, wanted: OrderFilter, *, before: UUID, limit: int) -> list[Order]:
    """The orders an operator looks for, latest first."""
    asked = {field.name: getattr(wanted, field.name) for field in fields(OrderFilter)}
    rows = await connection.execute(_ALL, {**asked, "before": before, "limit": limit})
    return [to_order(row) for row in rows]


async def lines_of(connection: Connection, orders: Sequence[Order]) -> dict[UUID, list[BoughtLine]]:
    """The lines of orders, by order."""
    found: dict[UUID, list[BoughtLine]] = {order.id: [] for order in orders}
    for order_id, *values in await connection.execute(_LINES, {"order_ids": list(found)}):
        found[order_id].append(BoughtLine(**dict(zip(_LINE.split(", "), values, strict=True))))
    return found
