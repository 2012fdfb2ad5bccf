"""Which order has which coupon; a released lock without a coupon is a tombstone: that order never gets one (K15)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection


class LockState(StrEnum):
    """What became of an order's coupon."""

    LOCKED = "locked"
    RELEASED = "released"
    REDEEMED = "redeemed"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class CouponLock:
    """One order's hold on a coupon."""

    order_id: UUID
    state: LockState
    coupon_id: UUID | None
    member_id: UUID | None


_LOCK = "order_id, state, coupon_id, member_id"
_OPEN = text(
    "INSERT INTO coupon_locks (order_id, coupon_id, member_id, state, locked_at)"
    " SELECT :order_id, id, member_id, 'locked', :at FROM coupons WHERE id = :coupon_id AND member_id = :member_id"
    " ON CONFLICT DO NOTHING"
)
_BURY = text(
    "INSERT INTO coupon_locks (order_id, state, ended_at) VALUES (:order_id, 'released', :at) ON CONFLICT DO NOTHING"
)
_HOLD = text(
    f"SELECT {_LOCK} FROM coupon_locks WHERE order_id = ANY(:order_ids) ORDER BY order_id FOR NO KEY UPDATE"
)
_END = text(
    "UPDATE coupon_locks l SET state = :state, ended_at = :at, discount_fen = coalesce(e.discount_fen, l.discount_fen)"
    " FROM unnest(CAST(:order_ids AS uuid[]), CAST(:discounts_fen AS bigint[])) AS e (order_id, discount_fen)"
    " WHERE l.order_id = e.order_id"
)


class CouponLocks:
    """The orders' holds on coupons; always taken before the coupon itself (K12)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, order_id: UUID, coupon_id: UUID, member_id: UUID, *, at: datetime) -> bool:
        """Note that an order takes a coupon of this member's; False when it is not theirs, or the order has a lock."""
        values = {"order_id": order_id, "coupon_id": coupon_id, "member_id": member_id, "at": at}
        return (await self._connection.execute(_OPEN, values)).rowcount == 1

    async def bury(self, order_id: UUID, *, at: datetime) -> bool:
        """Note that an order without a lock never gets one; False when it has one."""
        return (await self._connection.execute(_BURY, {"order_id": order_id, "at": at})).rowcount == 1

    async def hold(self, order_id: UUID) -> CouponLock | None:
        """An order's lock; nobody changes it until this transaction ends."""
        return (await self.hold_all([order_id])).get(order_id)

    async def hold_all(self, order_ids: Collection[UUID]) -> dict[UUID, CouponLock]:
        """The locks of these orders that have one, taken in key order (K12)."""
        rows = await self._connection.execute(_HOLD, {"order_ids": list(order_ids)})
        return {
            row.order_id: CouponLock(row.order_id, LockState(row.state), row.coupon_id, row.member_id)
            for row in rows
        }

    async def end(self, discounts_fen: Mapping[UUID, int | None], state: LockState, *, at: datetime) -> None:
        """Note what became of these orders' locks, and what each coupon gave off where that is known now."""
        values = {
            "order_ids": list(discounts_fen),
            "discounts_fen": list(discounts_fen.values()),
            "state": state,
            "at": at,
        }
        await self._connection.execute(_END, values)
