"""A coupon past its end is expired at once; the timer marks it when it comes by (C1, C4)."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import text

from services.campaign.coupons.timers import EVERY, expire_coupons
from shared.database import begin
from shared.ids import new_id
from shared.timers.loop import Timer
from tests.integration.campaign.giveaways import AT, DAY, Campaign


async def _expire(campaign: Campaign) -> None:
    timer = Timer(new_id(), "expire-coupons", "all", campaign.clock.now(), {}, 1, 1, None)
    resources = campaign.shop.platform.resources["campaign"]
    while await expire_coupons(resources, timer) == campaign.clock.now():
        pass


async def test_a_coupon_is_expired_at_its_last_instant_and_marked_later(campaign: Campaign) -> None:
    member_id = new_id()
    coupon_id = await campaign.coupon(member_id)

    campaign.clock.set(AT + 7 * DAY)
    seen = await campaign.state(member_id, coupon_id)
    journal_before = await campaign.journal(coupon_id)
    await _expire(campaign)
    await _expire(campaign)

    assert (seen, journal_before) == ("expired", ["claim"])
    assert await campaign.state(member_id, coupon_id) == "expired"
    assert await campaign.journal(coupon_id) == ["claim", "expire"]


async def test_wallets_are_listed_by_the_state_that_time_gives(campaign: Campaign) -> None:
    member_id = new_id()
    short, long = await campaign.coupon(member_id, valid_days=1), await campaign.coupon(member_id)

    campaign.clock.set(AT + DAY)

    assert [coupon["coupon_id"] for coupon in await campaign.coupons(member_id, state="expired")] == [short]
    assert [coupon["coupon_id"] for coupon in await campaign.coupons(member_id, state="available")] == [long]


async def test_a_locked_coupon_is_not_marked(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    campaign.clock.set(AT + 8 * DAY)
    await _expire(campaign)

    assert await campaign.state(member_id, coupon_id) == "locked"


async def test_locking_against_expiry_ends_one_way_or_the_other(campaign: Campaign) -> None:
    member_id = new_id()
    coupons = [await campaign.coupon(member_id) for _ in range(8)]
    resources = campaign.shop.platform.resources["campaign"]
    ends_at = AT + 7 * DAY

    async def mark() -> None:
        async with begin(resources.engine) as work:
            await work.connection.execute(text("SELECT pg_sleep(0.01)"))
        campaign.clock.set(ends_at)
        await _expire(campaign)

    campaign.clock.set(ends_at - DAY)
    answers, _ = await asyncio.gather(
        asyncio.gather(*(campaign.lock(new_id(), member_id, coupon_id) for coupon_id in coupons)), mark()
    )

    for coupon_id, answer in zip(coupons, answers, strict=True):
        state, last = await campaign.state(member_id, coupon_id), (await campaign.journal(coupon_id))[1]
        expected = ("locked", "lock") if answer.status_code == 200 else ("expired", "expire")
        assert (state, last) == expected


async def test_a_new_shop_has_the_timer_and_it_comes_again(campaign: Campaign) -> None:
    coupon_id = await campaign.coupon(new_id())
    loop = campaign.shop.platform.workers["campaign"].timer_loop

    campaign.clock.set(datetime(2100, 1, 1, tzinfo=UTC))
    while await loop.run_due():
        pass

    assert await campaign.journal(coupon_id) == ["claim", "expire"]
    rows = await campaign.rows("SELECT key, due_at FROM timers WHERE kind = 'expire-coupons'")
    assert rows == [{"key": "all", "due_at": campaign.clock.now() + EVERY}]
