"""Orders bring points and growth, refunds take them back, in any order of arrival (MB-01, MB-03, L3)."""

import asyncio
import random

from shared.events import LevelChanged, OrderPaid, OrderRefunded, PointsEarned, PointsReversed
from shared.ids import new_id
from tests.integration.member.books import assert_books_close
from tests.integration.member.people import Member, Members, order_closed, order_paid, order_refunded


async def stalled(members: Members, order: OrderPaid | OrderRefunded) -> list[str]:
    rows = await members.rows(
        "SELECT state FROM stalled_events WHERE CAST(envelope AS jsonb) -> 'data' ->> 'order_id' = :order_id",
        order_id=str(order.order_id),
    )
    return [row["state"] for row in rows]


async def test_a_paid_order_earns_a_point_and_growth_for_each_whole_yuan_of_its_goods(
    members: Members,
) -> None:
    member, order_id = await members.join(), new_id()

    await members.hear(order_paid(member, order_id=order_id, lines_fen=[12_345, 51], freight_fen=1_000))

    assert await members.points(member) == (1 + 123, 0, 0)
    assert await members.level(member) == ("normal", 123)
    [_, earned] = await members.announced(member, PointsEarned)
    assert (earned["points"], earned["reason"], earned["source_id"]) == (123, "order", str(order_id))
    await assert_books_close(members, member)


async def test_an_order_announced_twice_is_rewarded_once(members: Members) -> None:
    member, order_id = await members.join(), new_id()
    paid = order_paid(member, order_id=order_id, lines_fen=[5_000])

    event_id = new_id()
    await asyncio.gather(*(members.hear(paid, id=event_id) for _ in range(4)))
    await members.hear(paid)

    assert await members.points(member) == (1 + 50, 0, 0)
    assert await members.level(member) == ("normal", 50)


async def test_an_order_below_one_yuan_earns_nothing_and_says_nothing(members: Members) -> None:
    member = await members.join()

    await members.hear(order_paid(member, order_id=new_id(), lines_fen=[99]))

    assert await members.points(member) == (1, 0, 0)
    assert len(await members.announced(member, PointsEarned)) == 1


async def test_partial_refunds_take_back_pro_rata_and_return_spent_points(members: Members) -> None:
    member, order_id = await members.join_with_points(300), new_id()
    await members.hold(order_id, member, 200)
    await members.hear(order_paid(member, order_id=order_id, lines_fen=[999, 999, 999], points_used=200))
    assert await members.points(member) == (100 + 29, 0, 0)

    first = order_refunded(member, order_id=order_id, amounts_fen=[999], points_returned=67)
    await members.hear(first)
    assert await members.points(member) == (100 + 19 + 67, 0, 0)
    assert await members.level(member) == ("normal", 19)

    await members.hear(first)  # announced again
    await members.hear(order_refunded(member, order_id=order_id, amounts_fen=[999, 999], points_returned=133))
    assert await members.points(member) == (300, 0, 0)
    assert await members.level(member) == ("normal", 0)

    reversed_ = await members.announced(member, PointsReversed)
    assert [(each["points"], each["reason"]) for each in reversed_] == [
        (67, "spent-points-returned"),
        (-10, "earned-points-taken-back"),
        (133, "spent-points-returned"),
        (-19, "earned-points-taken-back"),
    ]
    assert reversed_[0]["refund_id"] == str(first.refund_id)
    await assert_books_close(members, member)


async def test_freight_given_back_takes_no_points(members: Members) -> None:
    member, order_id = await members.join(), new_id()
    await members.hear(order_paid(member, order_id=order_id, lines_fen=[5_000], freight_fen=1_000))

    await members.hear(order_refunded(member, order_id=order_id, amounts_fen=[], freight_fen=1_000))

    assert await members.points(member) == (1 + 50, 0, 0)


async def test_a_refund_that_arrives_before_its_order_waits_for_it(members: Members) -> None:
    member, order_id = await members.join(), new_id()
    paid = order_paid(member, order_id=order_id, lines_fen=[5_000])
    refunded = order_refunded(member, order_id=order_id, amounts_fen=[2_000])

    event_id = new_id()
    await members.hear(refunded, id=event_id)
    assert await members.points(member) == (1, 0, 0)
    assert await stalled(members, refunded) == ["waiting"]

    await members.hear(paid)
    await members.hear(refunded, id=event_id)
    assert await members.points(member) == (1 + 30, 0, 0)
    assert await stalled(members, refunded) == []


async def test_a_paid_order_whose_hold_is_not_there_waits_and_changes_nothing(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    paid = order_paid(member, order_id=order_id, lines_fen=[5_000], points_used=40)

    event_id = new_id()
    await members.hear(paid, id=event_id)
    assert await stalled(members, paid) == ["waiting"]
    assert await members.points(member) == (100, 0, 0)

    await members.hold(order_id, member, 40)
    await members.hear(paid, id=event_id)
    assert await members.points(member) == (60 + 50, 0, 0)


async def test_an_order_paid_after_its_points_were_released_is_kept_for_an_operator(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    await members.hold(order_id, member, 40)
    await members.hear(order_closed(member, order_id=order_id, points_used=40))
    paid = order_paid(member, order_id=order_id, lines_fen=[5_000], points_used=40)

    await members.hear(paid)

    assert await stalled(members, paid) == ["waiting"]
    assert await members.points(member) == (100, 0, 0)


async def test_a_refund_of_more_than_was_paid_takes_nothing_back(members: Members) -> None:
    member, order_id = await members.join(), new_id()
    await members.hear(order_paid(member, order_id=order_id, lines_fen=[5_000]))
    refunded = order_refunded(member, order_id=order_id, amounts_fen=[5_001])

    await members.hear(refunded)

    assert await stalled(members, refunded) == ["waiting"]
    assert await members.points(member) == (1 + 50, 0, 0)


async def test_a_claw_back_after_spending_is_a_debt_that_the_next_points_repay(members: Members) -> None:
    member, first, second = await members.join(), new_id(), new_id()
    await members.hear(order_paid(member, order_id=first, lines_fen=[10_000]))
    await members.hold(second, member, 90)
    assert await members.points(member) == (11, 90, 0)

    await members.hear(order_refunded(member, order_id=first, amounts_fen=[10_000]))
    assert await members.points(member) == (0, 90, 89)
    assert (await members.hold(new_id(), member, 1)).status_code == 409
    await assert_books_close(members, member)

    await members.hear(order_paid(member, order_id=second, lines_fen=[3_000], points_used=90))
    assert await members.points(member) == (0, 0, 59)
    await members.hear(order_paid(member, order_id=new_id(), lines_fen=[6_000]))
    assert await members.points(member) == (1, 0, 0)
    await assert_books_close(members, member)


async def test_points_released_to_a_debtor_repay_the_debt(members: Members) -> None:
    member, first, second = await members.join(), new_id(), new_id()
    await members.hear(order_paid(member, order_id=first, lines_fen=[10_000]))
    await members.hold(second, member, 101)
    await members.hear(order_refunded(member, order_id=first, amounts_fen=[10_000]))
    assert await members.points(member) == (0, 101, 100)

    await members.release(second)

    assert await members.points(member) == (1, 0, 0)
    await assert_books_close(members, member)


async def test_growth_lifts_the_level_at_once_and_a_refund_lowers_it(members: Members) -> None:
    member, order_id = await members.join(), new_id()

    await members.hear(order_paid(member, order_id=order_id, lines_fen=[400_000, 100_000]))
    assert await members.level(member) == ("gold", 5_000)
    await members.hear(order_refunded(member, order_id=order_id, amounts_fen=[1]))
    assert await members.level(member) == ("silver", 4_999)
    await members.hear(order_refunded(member, order_id=order_id, amounts_fen=[399_999, 99_999]))
    assert await members.level(member) == ("normal", 0)

    changed = await members.announced(member, LevelChanged)
    assert [(each["from_level"], each["to_level"], each["growth"]) for each in changed] == [
        ("normal", "gold", 5_000),
        ("gold", "silver", 4_999),
        ("silver", "normal", 0),
    ]


async def test_a_storm_of_orders_and_refunds_in_any_order_leaves_closed_books(members: Members) -> None:
    chance = random.Random(20260302)
    member = await members.join_with_points(500)
    events: list[OrderPaid | OrderRefunded] = []
    for _ in range(10):
        order_id, lines_fen = new_id(), [chance.randrange(1, 9_000) for _ in range(3)]
        assert (await members.hold(order_id, member, 30)).status_code == 200
        events.append(order_paid(member, order_id=order_id, lines_fen=lines_fen, points_used=30))
        events += [
            order_refunded(member, order_id=order_id, amounts_fen=[line_fen], points_returned=10)
            for line_fen in lines_fen
        ]
    heard = [(event, new_id()) for event in events]
    for _ in range(2):  # what came too early comes again, and so does everything else
        chance.shuffle(heard)
        await asyncio.gather(*(members.hear(event, id=event_id) for event, event_id in heard))

    assert await members.points(member) == (500, 0, 0)
    assert await members.level(member) == ("normal", 0)
    assert await all_refunds_done(members, member) == 30
    await assert_books_close(members, member)


async def all_refunds_done(members: Members, member: Member) -> int:
    rows = await members.rows(
        "SELECT count(*) AS refunds FROM order_refunds JOIN order_rewards USING (order_id)"
        " WHERE member_id = :id",
        id=member.member_id,
    )
    return int(rows[0]["refunds"])
