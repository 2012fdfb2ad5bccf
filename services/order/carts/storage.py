"""Cart lines in PostgreSQL."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.order.carts.domain import MAX_LINES, CartLine
from shared.connection import Connection

_LINE = ", ".join(field.name for field in fields(CartLine))

_ALL = text(f"SELECT {_LINE} FROM cart_lines WHERE member_id = :member_id ORDER BY added_at DESC, sku_id")
_CHANGE = text(
    "UPDATE cart_lines SET quantity = :quantity, is_selected = :is_selected"
    " WHERE member_id = :member_id AND sku_id = :sku_id"
)
_ADD = text(
    "INSERT INTO cart_lines (member_id, sku_id, slot, quantity, is_selected, added_price_fen, added_at)"
    " SELECT CAST(:member_id AS uuid), CAST(:sku_id AS uuid), min(free.slot), CAST(:quantity AS integer),"
    " CAST(:is_selected AS boolean), CAST(:added_price_fen AS bigint), CAST(:added_at AS timestamptz)"
    f" FROM generate_series(1, {MAX_LINES}) AS free (slot)"
    " WHERE NOT EXISTS (SELECT FROM cart_lines WHERE member_id = CAST(:member_id AS uuid) AND cart_lines.slot = free.slot)"
    " HAVING min(free.slot) IS NOT NULL"
    " ON CONFLICT (member_id, sku_id) DO UPDATE"
    " SET quantity = excluded.quantity, is_selected = excluded.is_selected"
)
_REMOVE = text(
    "WITH locked AS MATERIALIZED (SELECT sku_id FROM cart_lines WHERE member_id = :member_id AND sku_id = ANY(:sku_ids)"
    "  ORDER BY sku_id FOR UPDATE)"  # in one order, for two may empty the same cart
    " DELETE FROM cart_lines WHERE member_id = :member_id AND sku_id IN (SELECT sku_id FROM locked)"
)
_PLACE = "cart_lines_member_id_slot_key"


class Carts:
    """The carts of one transaction or reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lines(self, member_id: UUID) -> list[CartLine]:
        """A member's cart, latest first."""
        rows = await self._connection.execute(_ALL, {"member_id": member_id})
        return [CartLine(**row) for row in rows]

    async def change(self, member_id: UUID, sku_id: UUID, *, quantity: int, is_selected: bool) -> bool:
        """Change a line; False when there is none."""
        done = await self._connection.execute(
            _CHANGE,
            {"member_id": member_id, "sku_id": sku_id, "quantity": quantity, "is_selected": is_selected},
        )
        return done.rowcount == 1

    async def add(
        self,
        member_id: UUID,
        sku_id: UUID,
        *,
        quantity: int,
        is_selected: bool,
        added_price_fen: int,
        added_at: datetime,
    ) -> bool:
        """Add a line; False when the cart is full. On a connection that commits each statement."""
        values = {
            "member_id": member_id,
            "sku_id": sku_id,
            "quantity": quantity,
            "is_selected": is_selected,
            "added_price_fen": added_price_fen,
            "added_at": added_at,
        }
        for _ in range(MAX_LINES):  # each place that another call has just taken costs a try
            try:
                return (await self._connection.execute(_ADD, values)).rowcount == 1
            except IntegrityError as error:
                if _PLACE not in str(error.orig):
                    raise
        return False

    async def remove(self, member_id: UUID, sku_ids: Collection[UUID]) -> int:
        """Take lines out; returns how many were there."""
        done = await self._connection.execute(_REMOVE, {"member_id": member_id, "sku_ids": list(sku_ids)})
        return done.rowcount
