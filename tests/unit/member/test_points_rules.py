"""What each movement of points does to a balance, and that the books always close (MB-03, MB-04, L1)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from services.member.points.domain import (
    MAX_POINTS,
    Account,
    Balance,
    Kind,
    NotEnoughPoints,
    PointRules,
    TooManyPoints,
    Transfer,
)


def moved(transfers: list[Transfer]) -> list[tuple[Kind, int]]:
    return [(transfer.kind, transfer.points) for transfer in transfers]


def test_earned_points_can_be_spent() -> None:
    before = Balance(spendable=5, held=2, owed=0)

    earned = before.receive(Kind.EARN, 10)

    assert moved(earned) == [(Kind.EARN, 10)]
    assert before.after(earned) == Balance(spendable=15, held=2, owed=0)


def test_points_that_come_repay_what_is_owed_first() -> None:
    before = Balance(spendable=0, held=0, owed=7)

    earned = before.receive(Kind.EARN, 10)

    assert moved(earned) == [(Kind.EARN, 10), (Kind.REPAY, 7)]
    assert before.after(earned) == Balance(spendable=3, held=0, owed=0)


def test_fewer_points_than_owed_repay_a_part() -> None:
    before = Balance(spendable=0, held=0, owed=7)

    assert before.after(before.receive(Kind.RELEASE, 4)).owed == 7 - 4


def test_no_more_is_held_than_can_be_spent() -> None:
    before = Balance(spendable=5, held=90, owed=0)

    assert before.after(before.hold(5)) == Balance(spendable=0, held=95, owed=0)
    with pytest.raises(NotEnoughPoints) as refused:
        before.hold(6)
    assert refused.value.members == {"spendable": 5}


def test_a_claw_back_beyond_the_balance_becomes_debt_and_leaves_held_points_alone() -> None:
    before = Balance(spendable=30, held=50, owed=0)

    taken = before.take_back(100)

    assert moved(taken) == [(Kind.TAKE_BACK, 30), (Kind.OWE, 70)]
    assert before.after(taken) == Balance(spendable=0, held=50, owed=70)


def test_held_points_do_not_expire() -> None:
    balance = Balance(spendable=40, held=60, owed=0)

    assert moved(balance.expire(100)) == [(Kind.EXPIRE, 40)]
    assert balance.expire(60) == []


def test_no_balance_passes_the_highest() -> None:
    with pytest.raises(TooManyPoints):
        Balance(spendable=1, held=0, owed=0).receive(Kind.GRANT, MAX_POINTS)


@pytest.mark.parametrize(
    ("came_at", "expires_at"),
    [
        (datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC), datetime(2027, 3, 1, 16, tzinfo=UTC)),
        (datetime(2026, 3, 1, 16, 0, 0, tzinfo=UTC), datetime(2027, 3, 2, 16, tzinfo=UTC)),
    ],
)
def test_points_last_to_the_end_of_their_last_shop_day(came_at: datetime, expires_at: datetime) -> None:
    rules = PointRules(1, 1, 1, 100, 5_000, expire_after_days=365)

    assert rules.expires_at(came_at) == expires_at
    assert expires_at - came_at > timedelta(days=365)


amounts = st.integers(min_value=1, max_value=500)


@given(
    st.lists(st.tuples(st.sampled_from(["earn", "hold", "release", "spend", "take_back", "expire"]), amounts))
)
def test_whatever_happens_the_books_sum_to_zero_and_nobody_owes_who_can_spend(
    steps: list[tuple[str, int]],
) -> None:
    balance, shop = Balance(0, 0, 0), 0
    for step, points in steps:
        match step:
            case "earn":
                transfers = balance.receive(Kind.EARN, points)
            case "hold" if points <= balance.spendable:
                transfers = balance.hold(points)
            case "release" if points <= balance.held:
                transfers = balance.receive(Kind.RELEASE, points)
            case "spend" if points <= balance.held:
                transfers = [Transfer(Kind.SPEND, points)]
            case "take_back":
                transfers = balance.take_back(points)
            case "expire" if points <= balance.spendable + balance.held:
                transfers = balance.expire(points)
            case _:
                continue
        balance = balance.after(transfers)
        shop += sum(transfer.change(Account.SHOP) for transfer in transfers)
        assert balance.spendable + balance.held - balance.owed + shop == 0
        assert min(balance.spendable, balance.held, balance.owed) >= 0
        assert balance.spendable == 0 or balance.owed == 0
