"""What an order brings and what its refunds take back, to the point (L3)."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.member.points.domain import PointRules

FEN_PER_YUAN = 100


class OverRefunded(ValueError):
    """A refund says more than the order had; nothing can be made of it."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """What one refund moves: spent points returned, earned points and growth taken back."""

    points_returned: int
    points_taken_back: int
    growth_taken_back: int


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """An order as far as it earns and spends; `goods_fen` is what was paid for the goods, without freight."""

    order_id: UUID
    member_id: UUID
    goods_fen: int
    points_spent: int

    def reward(self, rules: PointRules) -> "OrderReward":
        """What it brings under the rules."""
        return OrderReward(
            order_id=self.order_id,
            member_id=self.member_id,
            goods_fen=self.goods_fen,
            earn_points_per_yuan=rules.earn_points_per_yuan,
            growth_per_yuan=rules.growth_per_yuan,
            points_spent=self.points_spent,
        )


@dataclass(frozen=True, slots=True)
class OrderReward:
    """An order's account of rewards, under the rules of the day it was paid.

    `goods_fen` is what was paid for the goods, without freight. Earned is what whole yuan of goods are left after all
    refunds so far, so that pieces take back exactly what the whole would, and never more than was earned.
    """

    order_id: UUID
    member_id: UUID
    goods_fen: int
    earn_points_per_yuan: int
    growth_per_yuan: int
    points_spent: int
    refunded_fen: int = 0
    points_returned: int = 0

    @property
    def points(self) -> int:
        """The points that the goods not refunded have earned."""
        return self._whole_yuan * self.earn_points_per_yuan

    @property
    def growth(self) -> int:
        """The growth that the goods not refunded have earned."""
        return self._whole_yuan * self.growth_per_yuan

    def refund(self, goods_fen: int, *, points_returned: int) -> tuple["OrderReward", Reversal]:
        """The account after a refund, and what the refund moves. Raises OverRefunded."""
        after = replace(
            self,
            refunded_fen=self.refunded_fen + goods_fen,
            points_returned=self.points_returned + points_returned,
        )
        if goods_fen < 0 or points_returned < 0:
            raise OverRefunded("a refund gives back, it does not take")
        if after.refunded_fen > self.goods_fen or after.points_returned > self.points_spent:
            raise OverRefunded(f"order {self.order_id} had less than its refunds say")
        return after, Reversal(points_returned, self.points - after.points, self.growth - after.growth)

    @property
    def _whole_yuan(self) -> int:
        return (self.goods_fen - self.refunded_fen) // FEN_PER_YUAN
