"""Points lie in lots, are used the oldest first, and expire at the end of a shop day (MB-03, L4)."""

from datetime import timedelta

from services.member.points.timers import expire_due_points
from services.member.resources import MemberResources
from shared.clock import day_starts_at, shop_day
from shared.ids import new_id
from shared.timers.loop import Timer
from tests.integration.member.books import assert_books_close
from tests.integration.member.people import AT, Member, Members

LAST_DAY_ENDS = day_starts_at(shop_day(AT) + timedelta(days=366))


async def expire(members: Members) -> object:
    """Run the daily timer by hand."""
    resources = members.shop.platform.resources["member"]
    assert isinstance(resources, MemberResources)
    timer = Timer(new_id(), "expire-points", "daily", members.clock.now(), {}, 1, 1, None)
    return await expire_due_points(resources, timer)


async def lots(members: Members, member: Member) -> list[int]:
    rows = await members.rows(
        "SELECT remaining FROM points_lots WHERE member_id = :id ORDER BY expires_at, id", id=member.member_id
    )
    return [row["remaining"] for row in rows]


async def test_the_oldest_points_are_used_first(members: Members) -> None:
    member = await members.join()
    for points in (10, 20, 30):
        members.clock.advance(timedelta(days=1))
        await members.grant(member, points)
    assert await lots(members, member) == [1, 10, 20, 30]

    await members.grant(member, -15)

    assert await lots(members, member) == [0, 0, 16, 30]
    await assert_books_close(members, member)


async def test_unused_points_expire_with_their_last_shop_day_and_not_before(members: Members) -> None:
    member = await members.join_with_points(10)
    members.clock.advance(timedelta(days=1))
    await members.grant(member, 5)

    members.clock.set(LAST_DAY_ENDS - timedelta(seconds=1))
    assert await expire(members) == LAST_DAY_ENDS
    assert await members.points(member) == (15, 0, 0)
    members.clock.set(LAST_DAY_ENDS)
    for _ in range(2):
        assert await expire(members) == LAST_DAY_ENDS + timedelta(days=1)
        assert await members.points(member) == (5, 0, 0)
    await assert_books_close(members, member)


async def test_points_on_hold_outlive_their_day_until_the_order_is_decided(members: Members) -> None:
    member, order_id = await members.join_with_points(10), new_id()
    await members.hold(order_id, member, 7)
    members.clock.set(LAST_DAY_ENDS - timedelta(hours=1))
    await members.grant(member, 4)

    members.clock.set(LAST_DAY_ENDS)
    await expire(members)
    assert await members.points(member) == (4, 7, 0)
    await members.release(order_id)
    assert await members.points(member) == (11, 0, 0)
    await expire(members)
    assert await members.points(member) == (4, 0, 0)
    await assert_books_close(members, member)


async def test_the_daily_timer_is_there_from_the_start(members: Members) -> None:
    timers = await members.rows("SELECT key FROM timers WHERE kind = 'expire-points'")

    assert timers == [{"key": "daily"}]


async def test_a_member_reads_what_moved_their_points_page_by_page(members: Members) -> None:
    member, order_id = await members.join_with_points(100), new_id()
    await members.hold(order_id, member, 60)
    await members.release(order_id)
    caller = members.as_member(member)

    first = (await caller.get("member", "/me/points/entries?limit=3")).json()
    second = (await caller.get("member", f"/me/points/entries?limit=3&after={first['next']}")).json()

    assert [
        (each["kind"], each["points"], each["order_id"], each["reason"])
        for each in first["items"] + second["items"]
    ] == [
        ("release", 60, str(order_id), None),
        ("hold", -60, str(order_id), None),
        ("grant", 99, None, "补偿"),
        ("earn", 1, None, "login"),
    ]
    assert second["next"] is None
    stranger = members.as_member(await members.join())
    others = (await stranger.get("member", "/me/points/entries")).json()
    assert [each["kind"] for each in others["items"]] == ["earn"]
