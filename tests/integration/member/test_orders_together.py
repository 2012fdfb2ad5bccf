"""Orders that are paid at about the same time are rewarded together: the same books, the same events, few statements."""

import asyncio
import random
from uuid import UUID

import pytest

from shared.events import LevelChanged, OrderPaid, PointsEarned, PointsSpent
from shared.ids import derived_id, new_id
from tests.integration.member.books import assert_books_close
from tests.integration.member.people import Members, order_paid, order_refunded
from tests.support.statements import heard


async def announced_ids(members: Members, causes: list[UUID]) -> dict[UUID, str]:
    """The ids of what was announced at the instants of these causes, and its types."""
    rows = await members.rows(
        "SELECT event_id, type FROM outbox WHERE left(event_id::text, 13) = ANY(:instants)",
        instants=[str(cause)[:13] for cause in causes],
    )
    return {row["event_id"]: row["type"] for row in rows}


async def test_orders_of_many_members_are_rewarded_at_once(members: Members) -> None:
    buyers = [await members.join() for _ in range(8)]
    paid: dict[UUID, OrderPaid] = {
        new_id(): order_paid(buyer, order_id=new_id(), lines_fen=[1_000 * number, 50], freight_fen=600)
        for number, buyer in enumerate(buyers)
    }

    await members.hear_together(paid)

    for number, buyer in enumerate(buyers):
        assert await members.points(buyer) == (1 + 10 * number, 0, 0)
        assert await members.level(buyer) == ("normal", 10 * number)
        earned = [
            each["points"]
            for each in await members.announced(buyer, PointsEarned)
            if each["reason"] == "order"
        ]
        assert earned == ([10 * number] if number else [])
        await assert_books_close(members, buyer)


@pytest.mark.parametrize("points_used", [0, 5])
async def test_a_batch_takes_the_same_few_statements_whatever_its_size(
    members: Members, points_used: int
) -> None:
    counts = {}
    for size in (1, 12):
        paid: dict[UUID, OrderPaid] = {}
        for _ in range(size):
            buyer, order_id = await members.join_with_points(10), new_id()
            if points_used:
                await members.hold(order_id, buyer, points_used)
            paid[new_id()] = order_paid(
                buyer, order_id=order_id, lines_fen=[600_000], points_used=points_used
            )
        statements: list[str] = []
        with heard(members.shop.platform.resources["member"].engine, statements.append):
            await members.hear_together(paid)
        counts[size] = len(statements)
    assert counts == dict.fromkeys((1, 12), 6 if points_used else 5)


async def test_what_is_announced_has_the_ids_that_follow_from_each_order(members: Members) -> None:
    buyers = [await members.join_with_points(30) for _ in range(2)]
    paid: dict[UUID, OrderPaid] = {}
    for buyer in buyers:
        order_id = new_id()
        await members.hold(order_id, buyer, 20)
        paid[new_id()] = order_paid(buyer, order_id=order_id, lines_fen=[200_000], points_used=20)

    await members.hear_together(paid)

    assert await announced_ids(members, list(paid)) == {
        derived_id(cause, f"member.settle-order {type_.type} {order.member_id} 1"): type_.type
        for cause, order in paid.items()
        for type_ in (PointsSpent, PointsEarned, LevelChanged)
    }


async def test_two_orders_of_one_member_are_applied_one_after_the_other(members: Members) -> None:
    member = await members.join()
    first, second = new_id(), new_id()
    paid = {
        new_id(): order_paid(member, order_id=first, lines_fen=[120_000]),
        new_id(): order_paid(member, order_id=second, lines_fen=[400_000]),
        new_id(): order_paid(member, order_id=first, lines_fen=[120_000]),  # announced again
    }

    await members.hear_together(paid)

    assert await members.points(member) == (1 + 1_200 + 4_000, 0, 0)
    assert await members.level(member) == ("gold", 5_200)
    changed = await members.announced(member, LevelChanged)
    assert [(each["from_level"], each["to_level"], each["growth"]) for each in changed] == [
        ("normal", "silver", 1_200),
        ("silver", "gold", 5_200),
    ]
    await assert_books_close(members, member)


async def test_the_first_of_two_orders_repays_a_debt_and_the_second_what_is_left_of_it(
    members: Members,
) -> None:
    member, first, second = await members.join(), new_id(), new_id()
    await members.hear(order_paid(member, order_id=first, lines_fen=[10_000]))
    await members.hold(second, member, 101)
    await members.hear(order_refunded(member, order_id=first, amounts_fen=[10_000]))
    assert await members.points(member) == (0, 101, 100)

    await members.hear_together(
        {
            new_id(): order_paid(member, order_id=second, lines_fen=[7_000], points_used=101),
            new_id(): order_paid(member, order_id=new_id(), lines_fen=[5_000]),
        }
    )

    assert await members.points(member) == (20, 0, 0)
    repaid = await members.rows(
        "SELECT points FROM points_transfers WHERE member_id = :id AND kind = 'repay' ORDER BY id",
        id=member.member_id,
    )
    assert [row["points"] for row in repaid] == [70, 30]
    await assert_books_close(members, member)


async def test_an_order_that_comes_too_early_holds_up_no_neighbour(members: Members) -> None:
    members_ = [await members.join_with_points(50) for _ in range(3)]
    paid = {
        new_id(): order_paid(buyer, order_id=new_id(), lines_fen=[1_000], points_used=40 if early else 0)
        for buyer, early in zip(members_, (False, True, False), strict=True)
    }

    await members.hear_together(paid)

    assert [await members.points(buyer) for buyer in members_] == [(60, 0, 0), (50, 0, 0), (60, 0, 0)]
    stalled = await members.rows(
        "SELECT event_id FROM stalled_events WHERE event_id = ANY(:ids)", ids=list(paid)
    )
    assert [row["event_id"] for row in stalled] == [list(paid)[1]]


async def test_batches_of_the_same_members_beside_each_other_reward_every_order_once(
    members: Members,
) -> None:
    chance = random.Random(11)
    buyers = [await members.join_with_points(100) for _ in range(6)]
    paid: dict[UUID, OrderPaid] = {}
    for buyer in buyers:
        for _ in range(8):
            order_id = new_id()
            assert (await members.hold(order_id, buyer, 10)).status_code == 200
            paid[new_id()] = order_paid(buyer, order_id=order_id, lines_fen=[20_000], points_used=10)

    def shuffled() -> list[dict[UUID, OrderPaid]]:
        events = list(paid.items())
        chance.shuffle(events)
        return [dict(events[at : at + 12]) for at in range(0, len(events), 12)]

    await asyncio.gather(*(members.hear_together(batch) for batch in [*shuffled(), *shuffled()]))

    assert await members.rows("SELECT * FROM stalled_events WHERE event_id = ANY(:ids)", ids=list(paid)) == []
    for buyer in buyers:
        assert await members.points(buyer) == (100 - 80 + 8 * 200, 0, 0)
        assert await members.level(buyer) == ("silver", 1_600)
        assert len(await members.announced(buyer, PointsSpent)) == 8
        changed = await members.announced(buyer, LevelChanged)
        assert [(each["from_level"], each["growth"]) for each in changed] == [("normal", 1_000)]
        await assert_books_close(members, buyer)
