"""Writing new orders down, and what came of earlier tries, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.order.orders.domain import MAX_UNPAID_ORDERS, BoughtLine, Order
from services.order.orders.storage import to_order
from shared.connection import Connection
from shared.database import reading
from shared.ids import new_id
from shared.telemetry import traceparent

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))
_BOUGHT = ", ".join(f"line.{field.name}" for field in fields(BoughtLine))

_CREATE = text(
    "WITH free AS (SELECT min(slot) AS slot FROM generate_series(1, CAST(:slots AS integer)) AS slot WHERE NOT EXISTS"
    "  (SELECT FROM orders o WHERE o.member_id = CAST(:member_id AS uuid) AND o.unpaid_slot = slot)),"
    f" placed AS (INSERT INTO orders ({_ORDER}, unpaid_slot, price_request, quote, address_id, address_sealed,"
    f" idempotency_key, request_hash) SELECT {', '.join(f':{field.name}' for field in fields(Order))}, free.slot,"
    " CAST(:price_request AS jsonb), CAST(:quote AS jsonb), :address_id, :address_sealed, :idempotency_key,"
    " :request_hash FROM free WHERE free.slot IS NOT NULL ON CONFLICT DO NOTHING RETURNING *),"
    f" bought AS (INSERT INTO order_lines (order_id, {_LINE}) SELECT placed.id, {_BOUGHT}"
    " FROM placed, jsonb_populate_recordset(NULL::order_lines, CAST(:lines AS jsonb)) AS line),"
    " begun AS (INSERT INTO order_history (order_id, version, status, actor_kind, actor_id, at)"
    " SELECT id, version, status, 'member', member_id, placed_at FROM placed),"
    " guarded AS (INSERT INTO timers (id, kind, key, due_at, traceparent)"
    " SELECT CAST(:timer_id AS uuid), :timer_kind, CAST(id AS text), :timer_due_at, :traceparent FROM placed)"
    " SELECT (SELECT slot FROM free) IS NOT NULL, EXISTS (SELECT FROM placed)"
)
"""The whole order in one statement and one transaction, guarded by the timer that finishes what was interrupted.

Two of one member that run at the same moment may see the same slot free: one of them writes nothing, and is made again.
"""
_ATTEMPTS = text(
    f"SELECT {_ORDER}, request_hash, refusal, idempotency_key FROM orders WHERE idempotency_key = ANY(:keys)"
)
_REFUSE = text("UPDATE orders SET refusal = CAST(:refusal AS jsonb) WHERE id = :id")
_FORGET_KEY = text("UPDATE orders SET idempotency_key = NULL WHERE id = :id")


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


class Created(Enum):
    """What came of writing an order: it is there, its key or slot was just taken, or the member has no slot left."""

    YES = "yes"
    TAKEN = "taken"
    NO_SLOT = "no slot"


class Placings:
    """Orders in the making, of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, new: NewOrder, *, timer: str, due_at: datetime) -> Created:
        """Write a new order with its lines, the begin of its history and the timer that guards it."""
        values = {
            **asdict(new.order),
            "slots": MAX_UNPAID_ORDERS,
            "price_request": _json(new.price_request),
            "quote": _json(new.quote),
            "address_id": new.address_id,
            "address_sealed": new.address_sealed,
            "idempotency_key": new.idempotency_key,
            "request_hash": new.request_hash,
            "lines": _json([asdict(line) for line in new.lines]),
            "timer_id": new_id(),
            "timer_kind": timer,
            "timer_due_at": due_at,
            "traceparent": traceparent(),
        }
        has_slot, is_placed = (await self._connection.execute(_CREATE, values)).one()
        if is_placed:
            return Created.YES
        return Created.TAKEN if has_slot else Created.NO_SLOT

    async def has(self, idempotency_key: str) -> bool:
        """Whether an order was tried under a key."""
        return bool((await self._connection.execute(_ATTEMPTS, {"keys": [idempotency_key]})).rowcount)

    async def refuse(self, order_id: UUID, refusal: dict[str, Any]) -> None:
        """Keep why the order could not be placed, as the answer to repeats."""
        await self._connection.execute(_REFUSE, {"id": order_id, "refusal": _json(refusal)})

    async def forget_key(self, order_id: UUID) -> None:
        """Let the order's key be used again: nothing came of the first try (K8)."""
        await self._connection.execute(_FORGET_KEY, {"id": order_id})


async def find_attempts(engine: AsyncEngine, keys: Sequence[str]) -> dict[str, Attempt]:
    """The orders that were tried under these keys."""
    async with reading(engine) as connection:
        rows = await connection.execute(_ATTEMPTS, {"keys": list(keys)})
    return {
        key: Attempt(to_order(order), request_hash, refusal) for *order, request_hash, refusal, key in rows
    }


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
