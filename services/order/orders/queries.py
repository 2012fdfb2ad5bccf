"""Where an order stands, and lists of orders: a page and its lines in two statements."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.orders.domain import BoughtLine, Order, OrderStatus
from services.order.orders.storage import to_order
from shared.connection import Connection
from shared.http.paging import instant, place_after
from shared.http.problems import NotFound

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))

_STATUS = text("SELECT status FROM orders WHERE id = :order_id AND member_id = :member_id")
_SOUGHT = (
    "status = ANY(:statuses) AND placed_at >= coalesce(CAST(:placed_from AS timestamptz), '-infinity')"
    " AND (placed_at, id) < (coalesce(CAST(:before_at AS timestamptz), 'infinity'), :before_id)"
    " ORDER BY placed_at DESC, id DESC LIMIT :limit"
)
_OF_MEMBER = text(
    f"SELECT {_ORDER} FROM orders WHERE member_id = :member_id AND close_reason IS DISTINCT FROM 'refused'"
    f" AND close_reason IS DISTINCT FROM 'unavailable' AND {_SOUGHT}"
)
_BY_NUMBER = text(
    f"SELECT {_ORDER} FROM orders WHERE order_number = :order_number"
    f" AND (CAST(:member_id AS uuid) IS NULL OR member_id = :member_id) AND {_SOUGHT}"
)
_BY_MEMBER = text(f"SELECT {_ORDER} FROM orders WHERE member_id = :member_id AND {_SOUGHT}")
_BY_STATUS = text(
    f"SELECT {_ORDER} FROM unnest(CAST(:statuses AS text[])) AS wanted CROSS JOIN LATERAL"
    f" (SELECT {_ORDER} FROM orders WHERE status = wanted AND {_SOUGHT}) AS found"
    " ORDER BY placed_at DESC, id DESC LIMIT :limit"
)
"""The latest of each state, merged: one index serves one state, all of them, and any period."""
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
    connection: Connection, member_id: UUID, *, status: OrderStatus | None, after: str | None, limit: int
) -> list[Order]:
    """The member's orders that came to be, latest first; raises UnknownCursor."""
    wanted = OrderFilter(member_id=member_id, status=status)
    asked = _asked(wanted, after, limit)
    asked["statuses"] = [each for each in asked["statuses"] if each is not OrderStatus.CREATING]
    rows = await connection.execute(_OF_MEMBER, asked)
    return [to_order(row) for row in rows]


async def all_orders(
    connection: Connection, wanted: OrderFilter, *, after: str | None, limit: int
) -> list[Order]:
    """The orders an operator looks for, latest first; raises UnknownCursor.

    Each way goes by an index as far as its page: nothing grows with the orders of others, nor with those placed since.
    """
    statement = _BY_STATUS
    if wanted.order_number is not None:
        statement = _BY_NUMBER
    elif wanted.member_id is not None:
        statement = _BY_MEMBER
    rows = await connection.execute(statement, _asked(wanted, after, limit))
    return [to_order(row) for row in rows]


def _asked(wanted: OrderFilter, after: str | None, limit: int) -> dict[str, Any]:
    """The values of a page: it lies before the cursor and before the period's end, whichever comes first."""
    ends: list[tuple[datetime, UUID]] = []
    if wanted.placed_before is not None:
        ends.append((wanted.placed_before, UUID(int=0)))
    if (place := place_after(after, instant, UUID)) is not None:
        ends.append((place[0], place[1]))
    before_at, before_id = min(ends, default=(None, UUID(int=0)))
    return {
        "statuses": list(OrderStatus) if wanted.status is None else [wanted.status],
        "member_id": wanted.member_id,
        "order_number": wanted.order_number,
        "placed_from": wanted.placed_from,
        "before_at": before_at,
        "before_id": before_id,
        "limit": limit,
    }


async def lines_of(connection: Connection, orders: Sequence[Order]) -> dict[UUID, list[BoughtLine]]:
    """The lines of orders, by order."""
    found: dict[UUID, list[BoughtLine]] = {order.id: [] for order in orders}
    for order_id, *values in await connection.execute(_LINES, {"order_ids": list(found)}):
        found[order_id].append(BoughtLine(**dict(zip(_LINE.split(", "), values, strict=True))))
    return found
