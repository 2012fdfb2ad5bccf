"""The rows of stock: levels, reservations and the ledger of every movement.

Levels are locked in key order by every statement that touches more than one (K12), after the reservation they are
moved for; constraints keep every number at 0 or more even if this code were wrong (S1).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.catalog.stock.domain import Move, ReservationState, Shortage
from shared.connection import Connection
from shared.http.problems import Busy

MAX_ON_HAND = 1_000_000_000
RESERVE_TRIES = 5

_RESERVE = text("""
    WITH wanted AS (
      SELECT * FROM unnest(CAST(:sku_ids AS uuid[]), CAST(:quantities AS integer[])) AS w(sku_id, quantity)
    ), locked AS MATERIALIZED (
      SELECT l.sku_id, w.quantity, l.on_hand - l.reserved AS available
        FROM stock_levels l JOIN wanted w ON w.sku_id = l.sku_id ORDER BY l.sku_id FOR NO KEY UPDATE OF l
    ), short AS (
      SELECT w.sku_id, w.quantity, coalesce(k.available, 0) AS available
        FROM wanted w LEFT JOIN locked k ON k.sku_id = w.sku_id WHERE coalesce(k.available, 0) < w.quantity
    ), opened AS (
      INSERT INTO reservations (order_id, member_id, state, held_at)
      SELECT CAST(:order_id AS uuid), CAST(:member_id AS uuid), 'held', CAST(:at AS timestamptz)
       WHERE NOT EXISTS (SELECT FROM short)
      ON CONFLICT DO NOTHING RETURNING order_id
    ), held AS (
      UPDATE stock_levels l SET reserved = l.reserved + k.quantity FROM locked k, opened
       WHERE l.sku_id = k.sku_id
    ), lines AS (
      INSERT INTO reservation_lines (order_id, sku_id, quantity)
      SELECT o.order_id, k.sku_id, k.quantity FROM locked k, opened o
    ), moved AS (
      INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)
      SELECT k.sku_id, 'hold', 0, k.quantity, 0, 'order', o.order_id, CAST(:at AS timestamptz)
        FROM locked k, opened o
    )
    SELECT sku_id, quantity, available FROM short
     UNION ALL SELECT order_id, 0, 0 FROM opened""")
"""The whole reservation in one statement: every line is held, or none and each short one is told.

Rows with quantity 0 say that the order's reservation was opened; no row at all, that it had one already.

Whether there is enough is decided on the locked rows. Where stock arrived while the statement waited for a lock, the update
still begins from the row as it was before, and `stock_levels_available_check` refuses it: then it is made once more.
"""
_STATE = text("SELECT state FROM reservations WHERE order_id = :order_id")
_QUANTITIES = text("SELECT sku_id, quantity FROM reservation_lines WHERE order_id = :order_id")
_STATES = text("SELECT order_id, state FROM reservations WHERE order_id = ANY(:order_ids)")
_TOMBSTONES = text(
    "INSERT INTO reservations (order_id, state, ended_at)"
    " SELECT id, 'released', :at FROM unnest(CAST(:order_ids AS uuid[])) AS o(id) ORDER BY id ON CONFLICT DO NOTHING"
)
_LOCK = text("SELECT state FROM reservations WHERE order_id = :order_id FOR UPDATE")
_RESTOCKED = text("""
    UPDATE reservation_lines r SET restocked = r.restocked + b.quantity
      FROM unnest(CAST(:sku_ids AS uuid[]), CAST(:quantities AS integer[])) AS b(sku_id, quantity)
     WHERE r.order_id = :order_id AND r.sku_id = b.sku_id""")
_MOVE_LINES = """
    locked AS MATERIALIZED (
      SELECT l.sku_id, t.quantity FROM stock_levels l
        JOIN (SELECT sku_id, sum(quantity)::integer AS quantity FROM lines GROUP BY sku_id) t ON t.sku_id = l.sku_id
       ORDER BY l.sku_id FOR NO KEY UPDATE OF l
    ), changed AS (
      UPDATE stock_levels l SET on_hand = l.on_hand + k.quantity * CAST(:on_hand AS integer),
             reserved = l.reserved + k.quantity * CAST(:reserved AS integer),
             sold = l.sold + k.quantity * CAST(:sold AS integer)
        FROM locked k WHERE l.sku_id = k.sku_id
    ), moved AS (
      INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, reason, moved_at)
      SELECT sku_id, :kind, quantity * CAST(:on_hand AS integer), quantity * CAST(:reserved AS integer),
             quantity * CAST(:sold AS integer), :source_type, source_id, reason, :at FROM lines
    )"""
"""Moves the quantities of `lines` and writes them to the ledger."""
_MOVE = text(f"""
    WITH lines AS (
      SELECT * FROM unnest(CAST(:sku_ids AS uuid[]), CAST(:quantities AS integer[]), CAST(:source_ids AS uuid[]),
        CAST(:reasons AS text[])) AS x(sku_id, quantity, source_id, reason)
    ), {_MOVE_LINES}
    SELECT""")
_END = text(f"""
    WITH held AS MATERIALIZED (
      SELECT order_id FROM reservations WHERE order_id = ANY(:order_ids) AND state = 'held'
       ORDER BY order_id FOR UPDATE
    ), ended AS (
      UPDATE reservations r SET state = :state, ended_at = :at FROM held k
       WHERE r.order_id = k.order_id AND r.state = 'held' RETURNING r.order_id
    ), lines AS (
      SELECT l.sku_id, l.quantity, l.order_id AS source_id, CAST(NULL AS text) AS reason
        FROM reservation_lines l JOIN ended e ON e.order_id = l.order_id
    ), {_MOVE_LINES}
    SELECT order_id FROM ended""")
_MOVED_BEFORE = text(
    "SELECT EXISTS (SELECT FROM stock_movements WHERE source_type = :source_type AND source_id = :source_id"
    " AND kind = :kind)"
)
_NEW_LEVELS = text("INSERT INTO stock_levels (sku_id) SELECT unnest(CAST(:sku_ids AS uuid[]))")
_ADJUST = text(
    "UPDATE stock_levels SET on_hand = on_hand + :change WHERE sku_id = :sku_id"
    f" AND on_hand + :change BETWEEN reserved AND {MAX_ON_HAND}"
)
_ADJUSTED = text(
    "INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, reason, moved_at)"
    " VALUES (:sku_id, 'adjust', :change, 0, 0, 'adjustment', :source_id, :reason, :at)"
)


async def reserve(
    connection: Connection, order_id: UUID, member_id: UUID, quantities: Mapping[UUID, int], *, at: datetime
) -> tuple[bool, list[Shortage]]:
    """Hold every line for an order, or none and say what is short; whether it was this call that held them.

    One statement is one transaction: a hot row is locked for no round trip. Raises Busy when stock keeps arriving under it.
    """
    values = {
        "sku_ids": list(quantities),
        "quantities": list(quantities.values()),
        "order_id": order_id,
        "member_id": member_id,
        "at": at,
    }
    for _ in range(RESERVE_TRIES):
        try:
            rows = await connection.execute(_RESERVE, values)
        except IntegrityError as error:
            if not isinstance(error.orig, asyncpg.CheckViolationError):
                raise
            continue
        return any(row[1] == 0 for row in rows), [Shortage(*row) for row in rows if row[1]]
    raise Busy(headers={"retry-after": "1"})


async def found_reservation(
    connection: Connection, order_id: UUID
) -> tuple[ReservationState, dict[UUID, int]] | None:
    """What became of an order's reservation, and the quantities it was for."""
    found = await connection.execute(_STATE, {"order_id": order_id})
    if (state := found.scalar_one_or_none()) is None:
        return None
    rows = await connection.execute(_QUANTITIES, {"order_id": order_id})
    return ReservationState(state), {row[0]: row[1] for row in rows}


class Stock:
    """Levels and reservations of all SKUs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def states(self, order_ids: Sequence[UUID]) -> dict[UUID, ReservationState]:
        """What became of these orders' stock; unknown orders are left out."""
        rows = await self._connection.execute(_STATES, {"order_ids": list(order_ids)})
        return {row.order_id: ReservationState(row.state) for row in rows}

    async def lock_reservation(self, order_id: UUID) -> ReservationState | None:
        """What became of an order's stock; nobody else moves it until this transaction ends."""
        state = (await self._connection.execute(_LOCK, {"order_id": order_id})).scalar_one_or_none()
        return None if state is None else ReservationState(state)

    async def leave_tombstones(self, order_ids: Sequence[UUID], *, at: datetime) -> None:
        """Mark orders that never reserved anything, so that they never will."""
        await self._connection.execute(_TOMBSTONES, {"order_ids": list(order_ids), "at": at})

    async def end(
        self, order_ids: Collection[UUID], state: ReservationState, move: Move, *, at: datetime
    ) -> list[UUID]:
        """Take orders out of ``held``, and move what they held; returns those that were in it."""
        values = {"order_ids": list(order_ids), "state": state.value, "at": at}
        return (await self._connection.execute(_END, values | _of(move))).scalars()

    async def mark_restocked(self, order_id: UUID, quantities: Mapping[UUID, int]) -> int:
        """Count units of an order that came back, never more than it took; returns how many lines it knows."""
        values = {
            "order_id": order_id,
            "sku_ids": list(quantities),
            "quantities": list(quantities.values()),
        }
        return (await self._connection.execute(_RESTOCKED, values)).rowcount

    async def move(
        self,
        move: Move,
        lines: Sequence[tuple[UUID, UUID, int]],
        *,
        at: datetime,
        reasons: Sequence[str | None] | None = None,
    ) -> None:
        """Move quantities, given as (source id, SKU, quantity), and write them to the ledger, each with its reason."""
        await self._connection.execute(
            _MOVE,
            {
                "source_ids": [source_id for source_id, _, _ in lines],
                "sku_ids": [sku_id for _, sku_id, _ in lines],
                "quantities": [quantity for _, _, quantity in lines],
                "reasons": reasons or [None] * len(lines),
                "at": at,
                **_of(move),
            },
        )

    async def has_moved(self, move: Move, source_id: UUID) -> bool:
        """Whether this source has moved stock in this way before."""
        values = {"source_type": move.source_type, "source_id": source_id, "kind": move.kind}
        return bool((await self._connection.execute(_MOVED_BEFORE, values)).scalar_one())

    async def add_levels(self, sku_ids: Sequence[UUID]) -> None:
        """Begin to count new SKUs, from zero."""
        await self._connection.execute(_NEW_LEVELS, {"sku_ids": list(sku_ids)})

    async def adjust(self, sku_id: UUID, change: int, *, source_id: UUID, reason: str, at: datetime) -> bool:
        """Add to or take from what is on hand, never below what is promised; False when that cannot be."""
        if (await self._connection.execute(_ADJUST, {"sku_id": sku_id, "change": change})).rowcount != 1:
            return False
        values = {"sku_id": sku_id, "change": change, "source_id": source_id, "reason": reason, "at": at}
        await self._connection.execute(_ADJUSTED, values)
        return True


def _of(move: Move) -> dict[str, Any]:
    return {
        "kind": move.kind,
        "source_type": move.source_type,
        "on_hand": move.on_hand,
        "reserved": move.reserved,
        "sold": move.sold,
    }
