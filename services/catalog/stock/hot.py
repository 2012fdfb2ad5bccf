"""Orders that wait for the same SKU are held together: one lock, one update and one commit for all of them (K12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import committing_each
from shared.together import Together

_HOLD = text("""
    WITH wanted AS (
      SELECT * FROM unnest(CAST(:order_id AS uuid[]), CAST(:member_id AS uuid[]), CAST(:quantity AS integer[]),
        CAST(:at AS timestamptz[])) WITH ORDINALITY AS w(order_id, member_id, quantity, held_at, place)
    ), locked AS MATERIALIZED (
      SELECT on_hand - reserved AS available FROM stock_levels WHERE sku_id = CAST(:sku_id AS uuid) FOR NO KEY UPDATE
    ), new AS (
      SELECT w.*, sum(w.quantity) OVER (ORDER BY w.place) AS needed FROM wanted w
       WHERE NOT EXISTS (SELECT FROM reservations r WHERE r.order_id = w.order_id)
    ), opened AS (
      INSERT INTO reservations (order_id, member_id, state, held_at)
      SELECT n.order_id, n.member_id, 'held', n.held_at FROM new n, locked k WHERE n.needed <= k.available
       ORDER BY n.order_id ON CONFLICT DO NOTHING RETURNING order_id
    ), held AS (
      SELECT w.* FROM wanted w JOIN opened o ON o.order_id = w.order_id
    ), changed AS (
      UPDATE stock_levels l SET reserved = l.reserved + t.quantity
        FROM (SELECT CAST(sum(quantity) AS integer) AS quantity FROM held HAVING count(*) > 0) t
       WHERE l.sku_id = CAST(:sku_id AS uuid)
    ), lines AS (
      INSERT INTO reservation_lines (order_id, sku_id, quantity) SELECT order_id, CAST(:sku_id AS uuid), quantity FROM held
    ), moved AS (
      INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)
      SELECT CAST(:sku_id AS uuid), 'hold', 0, quantity, 0, 'order', order_id, held_at FROM held
    )
    SELECT order_id FROM held""")
"""As many as fit, first come first served; `storage.reserve` tells the others why they were not held."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many of one SKU for an order; what is wanted for the same order is the same wish, and never held twice at once."""

    order_id: UUID
    member_id: UUID = field(compare=False)
    quantity: int = field(compare=False)
    at: datetime = field(compare=False)


class HotStock:
    """Those who wait for a SKU at this moment, by SKU."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: WeakValueDictionary[UUID, Together[Wanted, bool]] = WeakValueDictionary()

    async def hold(self, sku_id: UUID, wanted: Wanted) -> bool:
        """Hold stock with all who want this SKU now; False when that did not do, and the order has to be looked at alone."""
        together = self._waiting.get(sku_id)
        if together is None:
            together = self._waiting[sku_id] = Together(partial(self._hold_all, sku_id))
        return await together.get(wanted) is not None

    async def _hold_all(self, sku_id: UUID, all_wanted: Sequence[Wanted]) -> Mapping[Wanted, bool]:
        columns = {name: [getattr(each, name) for each in all_wanted] for name in Wanted.__slots__}
        async with committing_each(self._engine) as connection:
            try:
                held = set((await connection.execute(_HOLD, {"sku_id": sku_id, **columns})).scalars())
            except IntegrityError as error:
                if not isinstance(error.orig, asyncpg.CheckViolationError):
                    raise
                return {}  # stock was taken or came while the statement waited for the row
        return {each: True for each in all_wanted if each.order_id in held}
