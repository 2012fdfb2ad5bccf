"""Paid orders spend the points they held and earn new ones with growth (MB-03, MB-04, L3)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.member.levels.storage import GrowthMove
from services.member.levels.usecases import earn_growth
from services.member.order_rewards.domain import OrderReward, PaidOrder
from services.member.order_rewards.storage import OrderRewards
from services.member.points.domain import Balance, Kind, Source, Transfer
from services.member.points.hold_points import spend_holds
from services.member.points.storage import PointsBook, Posting
from services.member.points.usecases import points_earned
from shared.database import UnitOfWork
from shared.events import Event, OrderPaid, PointsSpent

ORDER = "order"
"""The type of the sources of what orders move, and the reason they give."""


async def reward_orders(work: UnitOfWork, paid: Mapping[UUID, OrderPaid], *, at: datetime) -> None:
    """Spend what orders held, and give what their goods earn, once per order; `paid` is by the ids of what told of them.

    Holds are locked first, then the orders' accounts, then their members' points, each in key order (K12). Raises TooEarly,
    HoldReleased, HoldDiffers.
    """
    causes: dict[UUID, UUID] = {}
    for event_id, told in paid.items():
        causes.setdefault(told.order_id, event_id)
    orders = [_paid_order(paid[event_id]) for event_id in causes.values()]
    holding = {each.order_id: (each.member_id, each.points_spent) for each in orders if each.points_spent}
    spent = await spend_holds(work, holding, at=at)
    opened = await OrderRewards(work.connection).open(orders, at=at)
    if opened is None:
        assert not spent, "a hold is spent when its order is rewarded"
        return
    rewards = [order.reward(opened.rules) for order in orders if order.order_id in opened.order_ids]
    postings = list(_postings(rewards, spent, opened.balances))
    await PointsBook(work.connection).post(postings, at=at, expires_at=opened.rules.expires_at(at))
    announced = [
        (posting.source.id, _moved(posting, transfer, at=at))
        for posting in postings
        for transfer in posting.transfers[:1]
    ]
    growing = [reward for reward in rewards if reward.growth]
    moves = [GrowthMove(reward.member_id, reward.growth, str(reward.order_id)) for reward in growing]
    for move, changed in zip(moves, await earn_growth(work, moves, source_type=ORDER, at=at), strict=True):
        if changed is not None:
            announced.append((move.source_id, changed))
    await work.outbox.add(
        *(event for _, event in announced),
        at=at,
        causes=[causes[UUID(order_id)] for order_id, _ in announced],
    )


def _paid_order(paid: OrderPaid) -> PaidOrder:
    goods_fen = sum(line.payable_fen for line in paid.lines)
    return PaidOrder(paid.order_id, paid.member_id, goods_fen, paid.points_used)


def _postings(
    rewards: Sequence[OrderReward], spent: set[UUID], balances: Mapping[UUID, Balance]
) -> Iterator[Posting]:
    """What each order spends, and what it earns: one after another, for the first may repay a debt (L1)."""
    left = dict(balances)
    for reward in rewards:
        member_id, source = reward.member_id, Source(ORDER, str(reward.order_id))
        earned = left[member_id].receive(Kind.EARN, reward.points)
        left[member_id] = left[member_id].after(earned)
        if reward.order_id in spent:
            yield Posting(member_id, [Transfer(Kind.SPEND, reward.points_spent)], source)
        yield Posting(member_id, earned, source, ORDER)


def _moved(posting: Posting, transfer: Transfer, *, at: datetime) -> Event:
    """A posting's first transfer as the others hear of it; what a debt took of it is the member's own affair."""
    if transfer.kind is Kind.SPEND:
        return PointsSpent(
            entry_id=transfer.id,
            member_id=posting.member_id,
            points=transfer.points,
            order_id=UUID(posting.source.id),
            spent_at=at,
        )
    return points_earned(posting.member_id, transfer, posting.source, reason=ORDER, at=at)
