"""Orders, their lines and their history in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.order.orders.domain import (
    MAX_UNPAID_ORDERS,
    UNPAID,
    Actor,
    BoughtLine,
    Order,
    OrderStatus,
    RefundSummary,
)
from shared.http.problems import NotFound

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))

_FREE_SLOT = text(
    "SELECT min(slot) FROM generate_series(1, CAST(:slots AS integer)) AS slot"
    " WHERE NOT EXISTS (SELECT FROM orders WHERE member_id = :member_id AND unpaid_slot = slot)"
)
_CREATE = text(
    f"INSERT INTO orders ({_ORDER}, unpaid_slot, price_request, quote, address_id, address_sealed,"
    " idempotency_key, request_hash)"
    f" VALUES ({', '.join(f':{field.name}' for field in fields(Order))}, :unpaid_slot,"
    " CAST(:price_request AS jsonb), CAST(:quote AS jsonb), :address_id, :address_sealed,"
    " :idempotency_key, :request_hash) ON CONFLICT (idempotency_key) DO NOTHING"
)
_ADD_LINES = text(
    f"INSERT INTO order_lines (order_id, {_LINE}) SELECT :order_id, {_LINE}"
    " FROM jsonb_populate_recordset(NULL::order_lines, CAST(:lines AS jsonb))"
)
_LOCK = text(f"SELECT {_ORDER} FROM orders WHERE id = :id FOR UPDATE")
_FIND = text(f"SELECT {_ORDER} FROM orders WHERE id = :id")
_LINES = text(f"SELECT {_LINE} FROM order_lines WHERE order_id = :order_id ORDER BY id")
_MOVE = text(
    "WITH moved AS (UPDATE orders SET status = CAST(:status AS text), version = CAST(:version AS integer),"
    " unpaid_slot = CASE WHEN CAST(:is_unpaid AS boolean) THEN unpaid_slot END,"
    " close_reason = coalesce(CAST(:close_reason AS text), close_reason),"
    " paid_at = :paid_at, shipped_at = :shipped_at, completed_at = :completed_at, closed_at = :closed_at"
    " WHERE id = :id AND version = CAST(:version AS integer) - 1 RETURNING id)"
    " INSERT INTO order_history (order_id, version, status, reason, actor_kind, actor_id, at)"
    " SELECT id, CAST(:version AS integer), CAST(:status AS text), CAST(:reason AS text),"
    " CAST(:actor_kind AS text), CAST(:actor_id AS uuid), CAST(:at AS timestamptz) FROM moved"
)
_BEGIN_HISTORY = text(
    "INSERT INTO order_history (order_id, version, status, actor_kind, actor_id, at)"
    " VALUES (:order_id, 1, :status, 'member', :member_id, :at)"
)
_ATTEMPT = text(
    f"SELECT {_ORDER}, request_hash, refusal FROM orders WHERE idempotency_key = :idempotency_key"
)
_REFUSE = text("UPDATE orders SET refusal = CAST(:refusal AS jsonb) WHERE id = :id")
_FORGET_KEY = text("UPDATE orders SET idempotency_key = NULL WHERE id = :id")
_SET_REFUNDED = text(
    "UPDATE orders SET refunded_fen = refunded_fen + :refund_fen"
    " WHERE id = :id AND refunded_fen + :refund_fen <= payable_fen"
)
_SET_SUMMARY = text("UPDATE orders SET refund_summary = :refund_summary WHERE id = :id")
_QUOTE = text("SELECT quote FROM orders WHERE id = :id")
_ADDRESS = text("SELECT address_sealed FROM orders WHERE id = :id")
_LAST_SENT_TO = text(
    "SELECT id, address_sealed FROM orders WHERE member_id = :member_id AND address_id = :address_id"
    " ORDER BY id DESC LIMIT 1"
)


class ConcurrentChange(Exception):
    """The order was changed meanwhile; the same work may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order as it is first written, with what it was priced from and where it goes (sealed)."""

    order: Order
    lines: Sequence[BoughtLine]
    price_request: dict[str, Any]
    quote: dict[str, Any]
    address_id: UUID
    address_sealed: str
    idempotency_key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an earlier try to place an order under the same key."""

    order: Order
    request_hash: str
    refusal: dict[str, Any] | None


class Orders:
    """The orders of one transaction or reading."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def free_slot(self, member_id: UUID) -> int | None:
        """Which of the member's places for unpaid orders is free; None when all are taken."""
        found = await self._connection.execute(
            _FREE_SLOT, {"member_id": member_id, "slots": MAX_UNPAID_ORDERS}
        )
        slot: int | None = found.scalar_one()
        return slot

    async def create(self, new: NewOrder, *, unpaid_slot: int) -> bool:
        """Write a new order; False when its key is taken already."""
        order = new.order
        values = {
            **asdict(order),
            "unpaid_slot": unpaid_slot,
            "price_request": _json(new.price_request),
            "quote": _json(new.quote),
            "address_id": new.address_id,
            "address_sealed": new.address_sealed,
            "idempotency_key": new.idempotency_key,
            "request_hash": new.request_hash,
        }
        if (await self._connection.execute(_CREATE, values)).rowcount != 1:
            return False
        lines = _json([asdict(line) for line in new.lines])
        await self._connection.execute(_ADD_LINES, {"order_id": order.id, "lines": lines})
        await self._connection.execute(
            _BEGIN_HISTORY,
            {
                "order_id": order.id,
                "status": order.status,
                "member_id": order.member_id,
                "at": order.placed_at,
            },
        )
        return True

    async def lock(self, order_id: UUID) -> Order:
        """The order, kept from others until the transaction ends; raises NotFound."""
        return to_order((await self._connection.execute(_LOCK, {"id": order_id})).one_or_none())

    async def find(self, order_id: UUID) -> Order:
        """The order; raises NotFound."""
        return to_order((await self._connection.execute(_FIND, {"id": order_id})).one_or_none())

    async def attempt(self, idempotency_key: str) -> Attempt | None:
        """The order that was tried under a key."""
        row = (await self._connection.execute(_ATTEMPT, {"idempotency_key": idempotency_key})).one_or_none()
        if row is None:
            return None
        *_, request_hash, refusal = row
        return Attempt(to_order(row[:-2]), request_hash, refusal)

    async def lines(self, order_id: UUID) -> list[BoughtLine]:
        """The order's lines."""
        rows = await self._connection.execute(_LINES, {"order_id": order_id})
        return [BoughtLine(**row) for row in rows.mappings()]

    async def move(
        self, order: Order, status: OrderStatus, *, by: Actor, at: datetime, reason: str | None = None
    ) -> Order:
        """The order one step further, in its row and its history; raises IllegalTransition, ConcurrentChange."""
        return await self.save(order.to(status, at=at), by=by, at=at, reason=reason)

    async def save(self, moved: Order, *, by: Actor, at: datetime, reason: str | None) -> Order:
        """Write an order that was moved one step; raises ConcurrentChange."""
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

    async def refuse(self, order_id: UUID, refusal: dict[str, Any]) -> None:
        """Keep why the order could not be placed, as the answer to repeats."""
        await self._connection.execute(_REFUSE, {"id": order_id, "refusal": _json(refusal)})

    async def forget_key(self, order_id: UUID) -> None:
        """Let the order's key be used again: nothing came of the first try (K8)."""
        await self._connection.execute(_FORGET_KEY, {"id": order_id})

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


def to_order(row: Sequence[Any] | None) -> Order:
    """The order in a row of its columns; raises NotFound without one."""
    if row is None:
        raise NotFound()
    values = dict(zip(_ORDER.split(", "), row, strict=True))
    values["status"] = OrderStatus(values["status"])
    values["refund_summary"] = RefundSummary(values["refund_summary"])
    return Order(**values)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
