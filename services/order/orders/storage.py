"""Orders, their lines and their history in PostgreSQL."""

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.order.orders.domain import (
    SYSTEM,
    UNPAID,
    Actor,
    BoughtLine,
    Order,
    OrderStatus,
    RefundSummary,
)
from shared.connection import Connection
from shared.http.problems import NotFound

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))

_LOCK = text(f"SELECT {_ORDER} FROM orders WHERE id = :id FOR UPDATE")
_LOCK_ALL = text(f"SELECT {_ORDER} FROM orders WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_LOCK_OWN = text(f"SELECT {_ORDER} FROM orders WHERE id = :id AND member_id = :member_id FOR UPDATE")
_FIND = text(f"SELECT {_ORDER} FROM orders WHERE id = :id")
_FIND_OWN = text(f"SELECT {_ORDER} FROM orders WHERE id = :id AND member_id = :member_id")
_LINES = text(f"SELECT {_LINE} FROM order_lines WHERE order_id = :order_id ORDER BY id")
_MOVE = text(
    "WITH moved AS (UPDATE orders SET status = CAST(:status AS text), version = CAST(:version AS integer),"
    " unpaid_slot = CASE WHEN CAST(:is_unpaid AS boolean) THEN unpaid_slot END,"
    " close_reason = coalesce(CAST(:close_reason AS text), close_reason),"
    " paid_at = :paid_at, shipped_at = :shipped_at, completed_at = :completed_at, closed_at = :closed_at"
    " WHERE id = :id AND version = CAST(:version AS integer) - 1 RETURNING id)"
    " INSERT INTO order_history (order_id, version, status, reason, actor_kind, actor_id, at)"
    " SELECT id, CAST(:version AS integer), CAST(:status AS text), CAST(:reason AS text),"
    " CAST(:actor_kind AS text), CAST(:actor_id AS uuid), greatest(CAST(:at AS timestamptz), (SELECT h.at"
    "  FROM order_history h WHERE h.order_id = moved.id AND h.version = CAST(:version AS integer) - 1)) FROM moved"
)
_PAY = text(f"""
    WITH paid AS (
      SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[]), CAST(:paid_at AS timestamptz[]))
        AS p (id, version, paid_at)
    ), moved AS (
      UPDATE orders o SET status = 'paid', version = p.version, unpaid_slot = NULL, paid_at = p.paid_at
        FROM paid p WHERE o.id = p.id AND o.version = p.version - 1 RETURNING o.id, o.version
    ), entries AS (
      INSERT INTO order_history (order_id, version, status, actor_kind, at)
      SELECT id, version, 'paid', :actor_kind, greatest(CAST(:at AS timestamptz), (SELECT h.at FROM order_history h
               WHERE h.order_id = moved.id AND h.version = moved.version - 1)) FROM moved
    ), done AS (
      DELETE FROM timers WHERE kind = :timer AND key = ANY(ARRAY(SELECT CAST(id AS text) FROM moved))
    )
    SELECT order_id, {_LINE} FROM order_lines WHERE order_id = ANY(ARRAY(SELECT id FROM moved)) ORDER BY id""")
_SET_REFUNDED = text(
    "UPDATE orders SET refunded_fen = refunded_fen + :refund_fen"
    " WHERE id = :id AND refunded_fen + :refund_fen <= payable_fen"
)
_SET_SUMMARY = text("UPDATE orders SET refund_summary = :refund_summary WHERE id = :id")
_QUOTE = text("SELECT quote FROM orders WHERE id = :id")
_ADDRESS = text("SELECT address_sealed FROM orders WHERE id = :id")
_LAST_SENT_TO = text(
    "SELECT id, address_sealed FROM orders WHERE member_id = :member_id AND address_id = :address_id"
    " ORDER BY placed_at DESC, id DESC LIMIT 1"
)


class ConcurrentChange(Exception):
    """The order was changed meanwhile; the same work may be tried again."""


class Orders:
    """The orders of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, order_id: UUID) -> Order:
        """The order, kept from others until the transaction ends; raises NotFound."""
        return to_order((await self._connection.execute(_LOCK, {"id": order_id})).one_or_none())

    async def lock_all(self, order_ids: Collection[UUID]) -> dict[UUID, Order]:
        """The orders, taken in key order (K12) and kept from others until the transaction ends; raises NotFound."""
        rows = await self._connection.execute(_LOCK_ALL, {"ids": list(order_ids)})
        orders = {row.id: to_order(row) for row in rows}
        if orders.keys() != set(order_ids):
            raise NotFound()
        return orders

    async def lock_own(self, order_id: UUID, *, member_id: UUID) -> Order:
        """The member's order, kept from others until the transaction ends; raises NotFound (SEC9)."""
        found = await self._connection.execute(_LOCK_OWN, {"id": order_id, "member_id": member_id})
        return to_order(found.one_or_none())

    async def find_own(self, order_id: UUID, *, member_id: UUID) -> Order:
        """The member's order; raises NotFound (SEC9)."""
        found = await self._connection.execute(_FIND_OWN, {"id": order_id, "member_id": member_id})
        return to_order(found.one_or_none())

    async def find(self, order_id: UUID) -> Order:
        """The order; raises NotFound."""
        return to_order((await self._connection.execute(_FIND, {"id": order_id})).one_or_none())

    async def lines(self, order_id: UUID) -> list[BoughtLine]:
        """The order's lines."""
        rows = await self._connection.execute(_LINES, {"order_id": order_id})
        return [BoughtLine(**row) for row in rows]

    async def move(
        self, order: Order, status: OrderStatus, *, by: Actor, at: datetime, reason: str | None = None
    ) -> Order:
        """The order one step further, in its row and its history; raises IllegalTransition, ConcurrentChange."""
        return await self.save(order.to(status, at=at), by=by, at=at, reason=reason)

    async def save(self, moved: Order, *, by: Actor, at: datetime, reason: str | None) -> Order:
        """Write an order that was moved one step; raises ConcurrentChange.

        Whoever waited for the order brings the time at which the waiting began: history does not go back to it (M10).
        """
        closes = moved.status in (OrderStatus.CLOSING, OrderStatus.CLOSED)
        written = await self._connection.execute(
            _MOVE,
            {
                "id": moved.id,
                "status": moved.status,
                "version": moved.version,
                "is_unpaid": moved.status in UNPAID,
                "close_reason": reason if closes else None,
                "reason": reason,
                "paid_at": moved.paid_at,
                "shipped_at": moved.shipped_at,
                "completed_at": moved.completed_at,
                "closed_at": moved.closed_at,
                "actor_kind": by.kind,
                "actor_id": by.id,
                "at": at,
            },
        )
        if written.rowcount != 1:
            raise ConcurrentChange(f"order {moved.id} changed meanwhile")
        return moved

    async def save_paid(
        self, paid: Collection[Order], *, timer: str, at: datetime
    ) -> dict[UUID, list[BoughtLine]]:
        """Write orders that were moved to PAID, by nobody's hand, as `save` does, and cancel their timers; their lines.

        Raises ConcurrentChange.
        """
        rows = await self._connection.execute(
            _PAY,
            {
                "ids": [order.id for order in paid],
                "versions": [order.version for order in paid],
                "paid_at": [order.paid_at for order in paid],
                "actor_kind": SYSTEM.kind,
                "timer": timer,
                "at": at,
            },
        )
        lines: dict[UUID, list[BoughtLine]] = {}
        for row in rows:
            of_order = dict(row)
            lines.setdefault(of_order.pop("order_id"), []).append(BoughtLine(**of_order))
        if len(lines) != len(paid):
            raise ConcurrentChange("an order changed meanwhile")
        return lines

    async def quote(self, order_id: UUID) -> dict[str, Any]:
        """The stored quote of an order."""
        found: dict[str, Any] = (await self._connection.execute(_QUOTE, {"id": order_id})).scalar_one()
        return found

    async def add_refunded(self, order_id: UUID, refund_fen: int) -> bool:
        """Count money that goes back; False when that were more than was paid (P8)."""
        done = await self._connection.execute(_SET_REFUNDED, {"id": order_id, "refund_fen": refund_fen})
        return done.rowcount == 1

    async def set_refund_summary(self, order_id: UUID, refund_summary: RefundSummary) -> None:
        """Tell how much of the order has gone back."""
        await self._connection.execute(_SET_SUMMARY, {"id": order_id, "refund_summary": refund_summary})

    async def address_sealed(self, order_id: UUID) -> str:
        """Where the order goes, sealed."""
        found: str = (await self._connection.execute(_ADDRESS, {"id": order_id})).scalar_one()
        return found

    async def last_sent_to(self, member_id: UUID, address_id: UUID) -> tuple[UUID, str] | None:
        """The member's latest order to an address and that address, sealed."""
        row = (
            await self._connection.execute(_LAST_SENT_TO, {"member_id": member_id, "address_id": address_id})
        ).one_or_none()
        return None if row is None else (row.id, row.address_sealed)


def to_order(row: Iterable[Any] | None) -> Order:
    """The order in a row of its columns; raises NotFound without one."""
    if row is None:
        raise NotFound()
    values = dict(zip(_ORDER.split(", "), row, strict=True))
    values["status"] = OrderStatus(values["status"])
    values["refund_summary"] = RefundSummary(values["refund_summary"])
    return Order(**values)
