"""Whole fen, shared without losing one (K1)."""

import pytest
from hypothesis import given, strategies as st

from shared.money import allocate, parse_yuan, share_bp, yuan


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (1, [3, 5, 5], [0, 1, 0]),
        (10, [0, 3, 0, 1], [0, 8, 0, 2]),
        (7, [7], [7]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
    ],
)
def test_an_amount_is_shared_by_largest_remainder(total: int, weights: list[int], shares: list[int]) -> None:
    assert allocate(total, weights) == shares


@given(st.integers(0, 10**10), st.lists(st.integers(0, 10**10), min_size=1).filter(any))
def test_shares_sum_to_the_total_and_lie_within_one_of_the_exact_part(total: int, weights: list[int]) -> None:
    shares = allocate(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)
        assert weight > 0 or share == 0


@given(st.lists(st.integers(0, 10**6), min_size=1).filter(any), st.data())
def test_no_share_exceeds_its_weight_while_the_total_does_not(
    weights: list[int], data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    assert all(share <= weight for share, weight in zip(allocate(total, weights), weights, strict=True))


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 2]), (0, [-1]), (1, [0, 0]), (1, [])])
def test_what_cannot_be_shared_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="shared"):
        allocate(total, weights)


@pytest.mark.parametrize(
    ("amount_fen", "bp", "share_fen"),
    [(50, 9_500, 48), (49, 9_500, 47), (1, 5_000, 1), (1, 4_999, 0), (0, 10_000, 0), (999, 10_000, 999)],
)
def test_half_a_fen_of_a_share_is_rounded_up(amount_fen: int, bp: int, share_fen: int) -> None:
    assert share_bp(amount_fen, bp) == share_fen


@pytest.mark.parametrize(("amount_fen", "bp"), [(-1, 1), (1, -1)])
def test_a_share_of_less_than_nothing_is_refused(amount_fen: int, bp: int) -> None:
    with pytest.raises(ValueError, match="share"):
        share_bp(amount_fen, bp)


@pytest.mark.parametrize(
    ("amount_fen", "text"), [(1234, "12.34"), (0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-1234, "-12.34")]
)
def test_an_amount_reads_as_yuan(amount_fen: int, text: str) -> None:
    assert yuan(amount_fen) == text
    assert parse_yuan(text) == amount_fen


@pytest.mark.parametrize(("text", "amount_fen"), [("12", 1200), ("12.3", 1230), ("12.340", 1234), ("-0", 0)])
def test_yuan_may_be_written_shorter_or_longer(text: str, amount_fen: int) -> None:
    assert parse_yuan(text) == amount_fen


@pytest.mark.parametrize(
    "text",
    ["", "12.345", "1e2", "NaN", "Infinity", "１２", " 1", "1\n", "1_000", "+1", ".5", "1.", "9" * 100],
)
def test_what_is_not_whole_fen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_yuan(text)
