"""Writing new orders down, and what came of earlier tries, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.order.orders.domain import MAX_UNPAID_ORDERS, BoughtLine, Order
from services.order.orders.storage import to_order

_ORDER = ", ".join(field.name for field in fields(Order))
_LINE = ", ".join(field.name for field in fields(BoughtLine))
_BOUGHT = ", ".join(f"line.{field.name}" for field in fields(BoughtLine))

_FREE_SLOT = text(
    "SELECT min(slot) FROM generate_series(1, CAST(:slots AS integer)) AS slot"
    " WHERE NOT EXISTS (SELECT FROM orders WHERE member_id = :member_id AND unpaid_slot = slot)"
)
_CREATE = text(
    f"WITH placed AS (INSERT INTO orders ({_ORDER}, unpaid_slot, price_request, quote, address_id, address_sealed,"
    f" idempotency_key, request_hash) VALUES ({', '.join(f':{field.name}' for field in fields(Order))}, :unpaid_slot,"
    " CAST(:price_request AS jsonb), CAST(:quote AS jsonb), :address_id, :address_sealed, :idempotency_key,"
    " :request_hash) ON CONFLICT (idempotency_key) DO NOTHING RETURNING *),"
    f" bought AS (INSERT INTO order_lines (order_id, {_LINE}) SELECT placed.id, {_BOUGHT}"
    " FROM placed, jsonb_populate_recordset(NULL::order_lines, CAST(:lines AS jsonb)) AS line)"
    " INSERT INTO order_history (order_id, version, status, actor_kind, actor_id, at)"
    " SELECT id, version, status, 'member', member_id, placed_at FROM placed"
)
_ATTEMPT = text(
    f"SELECT {_ORDER}, request_hash, refusal FROM orders WHERE idempotency_key = :idempotency_key"
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


class Placings:
    """Orders in the making, of one transaction or reading."""

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
        """Write a new order with its lines and the begin of its history; False when its key is taken already."""
        values = {
            **asdict(new.order),
            "unpaid_slot": unpaid_slot,
            "price_request": _json(new.price_request),
            "quote": _json(new.quote),
            "address_id": new.address_id,
            "address_sealed": new.address_sealed,
            "idempotency_key": new.idempotency_key,
            "request_hash": new.request_hash,
            "lines": _json([asdict(line) for line in new.lines]),
        }
        return (await self._connection.execute(_CREATE, values)).rowcount == 1

    async def attempt(self, idempotency_key: str) -> Attempt | None:
        """The order that was tried under a key."""
        found = await self._connection.execute(_ATTEMPT, {"idempotency_key": idempotency_key})
        row = found.one_or_none()
        if row is None:
            return None
        *order, request_hash, refusal = row
        return Attempt(to_order(order), request_hash, refusal)

    async def refuse(self, order_id: UUID, refusal: dict[str, Any]) -> None:
        """Keep why the order could not be placed, as the answer to repeats."""
        await self._connection.execute(_REFUSE, {"id": order_id, "refusal": _json(refusal)})

    async def forget_key(self, order_id: UUID) -> None:
        """Let the order's key be used again: nothing came of the first try (K8)."""
        await self._connection.execute(_FORGET_KEY, {"id": order_id})


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
