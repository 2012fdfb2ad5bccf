"""Points are set aside for an order once, and end once: spent or given back (MB-04, K10, P7)."""

import asyncio

import pytest

from shared.events import PointsSpent
from shared.ids import new_id
from tests.integration.member.books import assert_books_close
from tests.integration.member.people import Members, order_closed, order_paid


async def test_an_order_holds_points_and_asked_again_gets_the_same_answer(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()

    answers = [await members.hold(order_id, member, 60) for _ in range(2)]

    held = {"order_id": str(order_id), "points": 60, "state": "held"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, held), (200, held)]
    assert await members.points(member) == (40, 60, 0)


async def test_sixty_four_holds_at_once_never_overspend(members: Members) -> None:
    member = await members.join_with_points(100)

    answers = await asyncio.gather(*(members.hold(new_id(), member, 7) for _ in range(64)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(409)) == (14, 50)
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(each["type"], each["spendable"]) for each in refusals} == {
        ("/problems/member/not-enough-points", 2)
    }
    assert await members.points(member) == (2, 98, 0)
    await assert_books_close(members, member)


async def test_the_same_order_asking_sixteen_times_at_once_holds_once(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()

    answers = await asyncio.gather(*(members.hold(order_id, member, 60) for _ in range(16)))

    assert [answer.status_code for answer in answers] == [200] * 16
    assert await members.points(member) == (40, 60, 0)


async def test_too_large_a_hold_is_refused_and_changes_nothing(members: Members) -> None:
    member, order_id = await members.join_with_points(10), new_id()

    refused = await members.hold(order_id, member, 11)

    assert (refused.status_code, refused.json()["spendable"]) == (409, 10)
    assert await members.points(member) == (10, 0, 0)
    assert (await members.hold(order_id, member, 10)).status_code == 200


async def test_a_hold_for_a_stranger_is_not_found_and_leaves_no_trace(members: Members) -> None:
    order_id = new_id()
    body = {"member_id": str(new_id()), "points": 1}

    answer = await members.as_service("order").put("member", f"/internal/points-holds/{order_id}", body)

    assert answer.status_code == 404
    assert await members.rows("SELECT 1 FROM points_holds WHERE order_id = :id", id=order_id) == []


async def test_a_hold_with_other_points_or_for_another_member_is_refused(members: Members) -> None:
    member, other, order_id = await members.join_with_points(100), await members.join(), new_id()
    await members.hold(order_id, member, 60)

    answers = [await members.hold(order_id, member, 61), await members.hold(order_id, other, 60)]

    assert [answer.json()["type"] for answer in answers] == ["/problems/member/points-hold-differs"] * 2
    assert await members.points(member) == (40, 60, 0)


async def test_released_points_come_back_once_however_often_it_is_said(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    await members.hold(order_id, member, 60)

    answers = await asyncio.gather(*(members.release(order_id) for _ in range(8)))
    await members.hear(order_closed(member, order_id=order_id, points_used=60))
    await members.hear(order_closed(member, order_id=order_id, points_used=60))

    released = {"order_id": str(order_id), "points": 60, "state": "released"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, released)] * 8
    assert await members.points(member) == (100, 0, 0)
    again = await members.hold(order_id, member, 60)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/member/points-hold-released")
    await assert_books_close(members, member)


async def test_an_order_released_before_it_held_never_holds(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()

    assert (await members.release(order_id)).json()["state"] == "released"

    late = await members.hold(order_id, member, 60)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/member/points-hold-released")
    assert await members.points(member) == (100, 0, 0)


async def test_hold_and_release_racing_end_released_with_all_points_back(members: Members) -> None:
    member = await members.join_with_points(100)
    orders = [new_id() for _ in range(12)]

    await asyncio.gather(
        *(members.hold(order_id, member, 5) for order_id in orders),
        *(members.release(order_id) for order_id in orders),
        *(members.hold(order_id, member, 5) for order_id in orders),
    )

    assert await members.points(member) == (100, 0, 0)
    await assert_books_close(members, member)


async def test_a_paid_order_spends_what_it_held_and_can_no_longer_release(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    await members.hold(order_id, member, 60)

    await members.hear(order_paid(member, order_id=order_id, lines_fen=[50], points_used=60))
    late = await members.release(order_id)

    assert (late.status_code, late.json()["type"]) == (409, "/problems/member/points-hold-spent")
    assert await members.points(member) == (40, 0, 0)
    spent = await members.announced(member, PointsSpent)
    assert [(each["points"], each["order_id"]) for each in spent] == [(60, str(order_id))]
    await assert_books_close(members, member)


@pytest.mark.parametrize("points", [0, -1, 1.0, 1.5, "1", "１", True, None, 2**63, 10**12 + 1])
async def test_hostile_numbers_of_points_are_malformed(members: Members, points: object) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    body = {"member_id": str(member.member_id), "points": points}

    answer = await members.as_service("order").put("member", f"/internal/points-holds/{order_id}", body)

    assert answer.status_code == 422
    assert await members.points(member) == (100, 0, 0)


@pytest.mark.parametrize("caller", ["gateway", "campaign", "catalog", "payment"])
async def test_only_the_order_service_holds_and_releases(members: Members, caller: str) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    sibling = members.as_service(caller)
    path = f"/internal/points-holds/{order_id}"

    answers = [
        await sibling.put("member", path, {"member_id": str(member.member_id), "points": 1}),
        await sibling.post("member", f"{path}/release"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert await members.points(member) == (100, 0, 0)
