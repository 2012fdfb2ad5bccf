"""One row an order that was rewarded, and one a refund that took back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.member.order_rewards.domain import OrderReward, Reversal
from shared.connection import Connection

_ADD = text(
    "INSERT INTO order_rewards (order_id, member_id, goods_fen, earn_points_per_yuan, growth_per_yuan,"
    "  points_spent, settled_at)"
    " VALUES (:order_id, :member_id, :goods_fen, :earn_points_per_yuan, :growth_per_yuan, :points_spent, :at)"
    " ON CONFLICT (order_id) DO NOTHING"
)
_LOCK = text(
    "SELECT order_id, member_id, goods_fen, earn_points_per_yuan, growth_per_yuan, points_spent, refunded_fen,"
    " points_returned FROM order_rewards WHERE order_id = :order_id FOR NO KEY UPDATE"
)
_SAVE = text(
    "UPDATE order_rewards SET refunded_fen = :refunded_fen, points_returned = :points_returned"
    " WHERE order_id = :order_id"
)
_ADD_REFUND = text(
    "INSERT INTO order_refunds"
    "  (refund_id, order_id, goods_fen, points_returned, points_taken_back, growth_taken_back, at)"
    " VALUES (:refund_id, :order_id, :goods_fen, :points_returned, :points_taken_back, :growth_taken_back, :at)"
)
_HAS_REFUND = text("SELECT EXISTS (SELECT FROM order_refunds WHERE refund_id = :refund_id)")


class OrderRewards:
    """The rewarded orders of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, reward: OrderReward, *, at: datetime) -> bool:
        """Open an order's account; False when it was opened before."""
        added = await self._connection.execute(
            _ADD,
            {
                "order_id": reward.order_id,
                "member_id": reward.member_id,
                "goods_fen": reward.goods_fen,
                "earn_points_per_yuan": reward.earn_points_per_yuan,
                "growth_per_yuan": reward.growth_per_yuan,
                "points_spent": reward.points_spent,
                "at": at,
            },
        )
        return added.rowcount == 1

    async def lock(self, order_id: UUID) -> OrderReward | None:
        """An order's account, kept from others until the transaction ends."""
        row = (await self._connection.execute(_LOCK, {"order_id": order_id})).one_or_none()
        return None if row is None else OrderReward(*row)

    async def has_refund(self, refund_id: UUID) -> bool:
        """Whether a refund took back already."""
        return bool((await self._connection.execute(_HAS_REFUND, {"refund_id": refund_id})).scalar_one())

    async def add_refund(
        self, after: OrderReward, refund_id: UUID, *, goods_fen: int, reversal: Reversal, at: datetime
    ) -> None:
        """Write a refund, and the order's account after it."""
        await self._connection.execute(
            _SAVE,
            {
                "order_id": after.order_id,
                "refunded_fen": after.refunded_fen,
                "points_returned": after.points_returned,
            },
        )
        await self._connection.execute(
            _ADD_REFUND,
            {
                "refund_id": refund_id,
                "order_id": after.order_id,
                "goods_fen": goods_fen,
                "points_returned": reversal.points_returned,
                "points_taken_back": reversal.points_taken_back,
                "growth_taken_back": reversal.growth_taken_back,
                "at": at,
            },
        )
