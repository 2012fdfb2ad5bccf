"""Refunds take back exactly what the refunded goods earned, in pieces or at once (L3)."""

import pytest
from hypothesis import given, strategies as st

from services.member.order_rewards.domain import OrderReward, OverRefunded
from shared.ids import new_id


def a_reward(goods_fen: int, *, points_spent: int = 0, rate: int = 1, growth_rate: int = 1) -> OrderReward:
    return OrderReward(
        order_id=new_id(),
        member_id=new_id(),
        goods_fen=goods_fen,
        earn_points_per_yuan=rate,
        growth_per_yuan=growth_rate,
        points_spent=points_spent,
    )


@pytest.mark.parametrize(("goods_fen", "points"), [(0, 0), (99, 0), (100, 1), (199, 1), (12_345, 123)])
def test_a_whole_yuan_earns_a_point(goods_fen: int, points: int) -> None:
    assert a_reward(goods_fen).points == points


def test_a_refund_takes_back_what_the_rest_no_longer_earns() -> None:
    reward = a_reward(250, growth_rate=3)  # 2 points, 6 growth

    reward, first = reward.refund(51, points_returned=0)  # 1.99 yuan left: 1 point
    reward, second = reward.refund(99, points_returned=0)  # 1.00 yuan left: 1 point
    reward, third = reward.refund(100, points_returned=0)  # nothing left

    taken = [(each.points_taken_back, each.growth_taken_back) for each in (first, second, third)]
    assert taken == [(1, 3), (0, 0), (1, 3)]


@pytest.mark.parametrize(("goods_fen", "points_returned"), [(1_001, 0), (1_000, 51), (-1, 0), (1, -1)])
def test_a_refund_of_more_than_the_order_had_is_refused(goods_fen: int, points_returned: int) -> None:
    with pytest.raises(OverRefunded):
        a_reward(1_000, points_spent=50).refund(goods_fen, points_returned=points_returned)


@st.composite
def refunded_orders(draw: st.DrawFn) -> tuple[OrderReward, list[int], list[int]]:
    """An order and refunds that give it all back piece by piece."""
    pieces_fen = draw(st.lists(st.integers(0, 30_000), min_size=1, max_size=12))
    points = draw(st.lists(st.integers(0, 500), min_size=len(pieces_fen), max_size=len(pieces_fen)))
    rate, growth_rate = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    reward = a_reward(sum(pieces_fen), points_spent=sum(points), rate=rate, growth_rate=growth_rate)
    return reward, pieces_fen, points


@given(refunded_orders())
def test_pieces_take_back_exactly_what_the_whole_earned(
    order: tuple[OrderReward, list[int], list[int]],
) -> None:
    reward, pieces_fen, points = order
    earned, growth = reward.points, reward.growth
    taken_points = taken_growth = returned = refunded_fen = 0

    for piece_fen, piece_points in zip(pieces_fen, points, strict=True):
        reward, reversal = reward.refund(piece_fen, points_returned=piece_points)
        refunded_fen += piece_fen
        taken_points += reversal.points_taken_back
        taken_growth += reversal.growth_taken_back
        returned += reversal.points_returned
        # What is left is what an order of just the goods kept would have earned.
        kept_yuan = (reward.goods_fen - refunded_fen) // 100
        assert earned - taken_points == kept_yuan * reward.earn_points_per_yuan
        assert growth - taken_growth == kept_yuan * reward.growth_per_yuan
        assert min(reversal.points_taken_back, reversal.growth_taken_back) >= 0

    assert (taken_points, taken_growth, returned) == (earned, growth, sum(points))
