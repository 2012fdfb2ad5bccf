"""Reading stock, for operators."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.http.bodies import View
from shared.http.paging import Page, cursor, position
from shared.http.problems import Invalid

_LEVEL = text("SELECT sku_id, on_hand, reserved, sold FROM stock_levels WHERE sku_id = :sku_id")
_MOVEMENTS = text(
    "SELECT id, kind, on_hand, reserved, sold, source_type, source_id, reason, moved_at FROM stock_movements"
    " WHERE sku_id = :sku_id AND id < :before ORDER BY id DESC LIMIT :limit"
)
_LAST = 2**63 - 1


class StockLevel(View):
    """How much of a SKU is counted, promised, free to sell, and sold so far."""

    sku_id: UUID
    on_hand: int
    reserved: int
    available: int
    sold: int


class StockMovement(View):
    """One entry of the ledger: what changed, by how much, and because of what."""

    kind: str
    on_hand: int
    reserved: int
    sold: int
    source_type: str
    source_id: UUID
    reason: str | None
    moved_at: datetime


async def stock_level(connection: AsyncConnection, sku_id: UUID) -> StockLevel | None:
    """The numbers of one SKU."""
    row = (await connection.execute(_LEVEL, {"sku_id": sku_id})).one_or_none()
    if row is None:
        return None
    return StockLevel(
        sku_id=row.sku_id,
        on_hand=row.on_hand,
        reserved=row.reserved,
        available=row.on_hand - row.reserved,
        sold=row.sold,
    )


async def stock_movements(
    connection: AsyncConnection, sku_id: UUID, *, after: str | None, limit: int
) -> Page[StockMovement]:
    """One page of a SKU's ledger, newest first."""
    found: list[Any] = position(after, parts=1) or [_LAST]
    if type(found[0]) is not int or not 0 <= found[0] <= _LAST:
        raise Invalid("The cursor in `after` is not one of ours.")
    values = {"sku_id": sku_id, "before": found[0], "limit": limit + 1}
    rows = [dict(row) for row in (await connection.execute(_MOVEMENTS, values)).mappings()]
    following = cursor(rows[limit - 1]["id"]) if len(rows) > limit else None
    return Page(items=[StockMovement.model_validate(row) for row in rows[:limit]], next=following)
