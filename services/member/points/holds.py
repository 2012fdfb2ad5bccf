"""Points set aside for an order: held once, then spent or released once, by the order's word (K10, K13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection, Row
from shared.http.problems import Problem

_CLAIM = text(
    "INSERT INTO points_holds (order_id, member_id, points, state, created_at, resolved_at)"
    " VALUES (:order_id, :member_id, :points, :state, :at, :resolved_at) ON CONFLICT (order_id) DO NOTHING"
)
_LOCK = text(
    "SELECT order_id, member_id, points, state FROM points_holds WHERE order_id = :order_id FOR UPDATE"
)
_SPEND = text(
    "WITH locked AS MATERIALIZED (SELECT order_id, member_id, points, state FROM points_holds"
    "  WHERE order_id = ANY(:order_ids) ORDER BY order_id FOR UPDATE),"
    " spent AS (UPDATE points_holds h SET state = 'spent', resolved_at = :at FROM locked k"
    "  WHERE h.order_id = k.order_id AND k.state = 'held')"
    " SELECT order_id, member_id, points, state FROM locked"
)
_RESOLVE = text(
    "UPDATE points_holds SET state = :state, resolved_at = :at WHERE order_id = :order_id AND state = 'held'"
)


class HoldState(StrEnum):
    """What became of a hold."""

    HELD = "held"
    SPENT = "spent"
    RELEASED = "released"


class HoldReleased(Problem):
    """The order was let go before; it holds nothing any more."""

    slug, title, status = "member/points-hold-released", "This order's points were released", 409


class HoldSpent(Problem):
    """The order was paid; its points are used up."""

    slug, title, status = "member/points-hold-spent", "This order's points are spent", 409


class HoldDiffers(Problem):
    """The order holds other points, or another member's."""

    slug, title, status = "member/points-hold-differs", "This order holds other points", 409


@dataclass(frozen=True, slots=True)
class Hold:
    """One order's hold; without a member it is the tombstone of an order that was released before it held."""

    order_id: UUID
    member_id: UUID | None
    points: int
    state: HoldState


class PointsHolds:
    """The holds of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, hold: Hold, *, at: datetime) -> bool:
        """Write an order's first hold or tombstone; False when there is one."""
        claimed = await self._connection.execute(
            _CLAIM,
            {
                "order_id": hold.order_id,
                "member_id": hold.member_id,
                "points": hold.points,
                "state": hold.state,
                "at": at,
                "resolved_at": None if hold.state is HoldState.HELD else at,
            },
        )
        return claimed.rowcount == 1

    async def lock(self, order_id: UUID) -> Hold | None:
        """An order's hold, kept from others until the transaction ends."""
        row = (await self._connection.execute(_LOCK, {"order_id": order_id})).one_or_none()
        return None if row is None else _hold(row)

    async def spend(self, order_ids: Sequence[UUID], *, at: datetime) -> dict[UUID, Hold]:
        """End the holds of orders that still have them, for good; answers with all their holds as they were before."""
        rows = await self._connection.execute(_SPEND, {"order_ids": list(order_ids), "at": at})
        return {row.order_id: _hold(row) for row in rows}

    async def resolve(self, order_id: UUID, state: HoldState, *, at: datetime) -> None:
        """End a hold, for good."""
        await self._connection.execute(_RESOLVE, {"order_id": order_id, "state": state, "at": at})


def _hold(row: Row) -> Hold:
    return Hold(row.order_id, row.member_id, row.points, HoldState(row.state))
