"""A refund undoes pro rata what its order spent and earned (MB-03, MB-04, L3)."""

from datetime import datetime
from uuid import UUID

from services.member.levels.usecases import take_back_growth
from services.member.order_rewards.domain import OrderReward, Reversal
from services.member.order_rewards.storage import OrderRewards
from services.member.points.domain import Source
from services.member.points.usecases import reverse_points
from shared.database import UnitOfWork
from shared.events import OrderRefunded, PointsReversed
from shared.messaging.reactions import TooEarly


async def reverse_order(work: UnitOfWork, refunded: OrderRefunded, *, at: datetime) -> None:
    """Return spent points, and take back earned points and growth, once per refund.

    Raises TooEarly before the order was rewarded, OverRefunded when the refund cannot be.
    """
    rewards = OrderRewards(work.connection)
    reward = await rewards.lock(refunded.order_id)
    if reward is None:
        raise TooEarly(f"order {refunded.order_id} has earned nothing yet")
    if await rewards.has_refund(refunded.refund_id):
        return
    goods_fen = sum(line.amount_fen for line in refunded.lines)
    after, reversal = reward.refund(goods_fen, points_returned=refunded.points_returned)
    await rewards.add_refund(after, refunded.refund_id, goods_fen=goods_fen, reversal=reversal, at=at)
    await _reverse_points(work, reward, refunded.refund_id, reversal, at=at)
    await take_back_growth(
        work,
        reward.member_id,
        reversal.growth_taken_back,
        source_type="refund",
        source_id=str(refunded.refund_id),
        at=at,
    )


async def _reverse_points(
    work: UnitOfWork, reward: OrderReward, refund_id: UUID, reversal: Reversal, *, at: datetime
) -> None:
    returned, taken_back = await reverse_points(
        work,
        reward.member_id,
        returned=reversal.points_returned,
        taken_back=reversal.points_taken_back,
        source=Source("refund", str(refund_id)),
        at=at,
    )
    events = [
        PointsReversed(
            entry_id=entry_id,
            member_id=reward.member_id,
            points=points,
            reason=reason,
            order_id=reward.order_id,
            refund_id=refund_id,
            reversed_at=at,
        )
        for entry_id, points, reason in (
            (returned, reversal.points_returned, "spent-points-returned"),
            (taken_back, -reversal.points_taken_back, "earned-points-taken-back"),
        )
        if entry_id is not None
    ]
    await work.outbox.add(*events, at=at)
