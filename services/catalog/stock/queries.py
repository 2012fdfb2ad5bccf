"""Reading stock, for operators."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.http.bodies import View
from shared.http.paging import Page, following, place_after, whole_number

_LEVEL = text("SELECT sku_id, on_hand, reserved, sold FROM stock_levels WHERE sku_id = :sku_id")
_MOVEMENTS = text(
    "SELECT id, kind, on_hand, reserved, sold, source_type, source_id, reason, moved_at FROM stock_movements"
    " WHERE sku_id = :sku_id AND id < :before ORDER BY id DESC LIMIT :limit"
)
_BEYOND_EVERY_ID = 2**63 - 1


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


async def stock_level(connection: Connection, sku_id: UUID) -> StockLevel | None:
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
    connection: Connection, sku_id: UUID, *, after: str | None, limit: int
) -> Page[StockMovement]:
    """One page of a SKU's ledger, newest first."""
    (before,) = place_after(after, whole_number(below=2**63)) or [_BEYOND_EVERY_ID]
    values = {"sku_id": sku_id, "before": before, "limit": limit + 1}
    rows = [dict(row) for row in (await connection.execute(_MOVEMENTS, values))]
    return Page(
        items=[StockMovement.model_validate(row) for row in rows[:limit]],
        next=following(rows, limit, place=lambda row: row["id"]),
    )
