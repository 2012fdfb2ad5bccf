"""One row an order that was rewarded, and one a refund that took back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.member.order_rewards.domain import OrderReward, PaidOrder, Reversal
from services.member.points.domain import Balance, PointRules
from services.member.points.storage import RULES
from shared.connection import Connection
from shared.http.problems import NotFound

_OPEN = text(f"""
    WITH rules AS (
      SELECT {RULES} FROM point_rules
    ), opened AS (
      INSERT INTO order_rewards (order_id, member_id, goods_fen, earn_points_per_yuan, growth_per_yuan, points_spent,
                                 settled_at)
      SELECT o.order_id, o.member_id, o.goods_fen, r.earn_points_per_yuan, r.growth_per_yuan, o.points_spent, :at
        FROM unnest(CAST(:order_ids AS uuid[]), CAST(:member_ids AS uuid[]), CAST(:goods_fen AS bigint[]),
          CAST(:points_spent AS bigint[])) AS o (order_id, member_id, goods_fen, points_spent), rules r
       ORDER BY o.order_id
      ON CONFLICT (order_id) DO NOTHING RETURNING order_id, member_id
    ), locked AS MATERIALIZED (
      SELECT member_id, spendable, held, owed FROM points_accounts
       WHERE member_id = ANY(ARRAY(SELECT member_id FROM opened)) ORDER BY member_id FOR NO KEY UPDATE
    )
    SELECT o.order_id, o.member_id, a.spendable, a.held, a.owed, {RULES}
      FROM opened o LEFT JOIN locked a USING (member_id), rules""")
"""Opens the accounts of orders that have none, under the rules in force, and locks their members' points in key order."""
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


@dataclass(frozen=True, slots=True)
class Opened:
    """The orders whose accounts were opened, what their members have, which is locked, and the rules in force."""

    order_ids: set[UUID]
    balances: dict[UUID, Balance]
    rules: PointRules


class OrderRewards:
    """The rewarded orders of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, orders: Sequence[PaidOrder], *, at: datetime) -> Opened | None:
        """Open the accounts of orders under the rules of now; None when all were opened before. Raises NotFound."""
        rows = await self._connection.execute(
            _OPEN,
            {
                "order_ids": [order.order_id for order in orders],
                "member_ids": [order.member_id for order in orders],
                "goods_fen": [order.goods_fen for order in orders],
                "points_spent": [order.points_spent for order in orders],
                "at": at,
            },
        )
        if not rows:
            return None
        if any(row.spendable is None for row in rows):
            raise NotFound("a member without a points account")
        return Opened(
            {row.order_id for row in rows},
            {row.member_id: Balance(*row[2:5]) for row in rows},
            PointRules(*rows[0][5:]),
        )

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
