"""An order locks a coupon, and ends the lock by its own word: paid, closed, refunded (K10, K15, C2-C4, P7)."""

import asyncio

import pytest

from shared.events import CouponRedeemed, CouponRestored
from shared.ids import derived_id, new_id
from tests.integration.campaign.giveaways import (
    AT,
    DAY,
    Campaign,
    order_closed,
    order_paid,
    order_refunded,
)


async def test_an_order_locks_a_coupon_and_asked_again_gets_the_same_answer(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.coupon(member_id)

    answers = [await campaign.lock(order_id, member_id, coupon_id) for _ in range(2)]

    locked = {"order_id": str(order_id), "coupon_id": coupon_id, "state": "locked"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, locked)] * 2
    [coupon] = await campaign.coupons(member_id)
    assert (coupon["state"], coupon["order_id"]) == ("locked", str(order_id))
    assert await campaign.journal(coupon_id) == ["claim", "lock"]


async def test_of_many_orders_that_want_one_coupon_one_gets_it(campaign: Campaign) -> None:
    member_id, order_ids = new_id(), [new_id() for _ in range(64)]
    coupon_id = await campaign.coupon(member_id)

    answers = await asyncio.gather(*(campaign.lock(order_id, member_id, coupon_id) for order_id in order_ids))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(409)) == (1, 63)
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(each["type"], each["reason"]) for each in refusals} == {
        ("/problems/campaign/coupon-not-usable", "locked")
    }
    [coupon] = await campaign.coupons(member_id)
    assert coupon["order_id"] == str(order_ids[statuses.index(200)])
    assert await campaign.journal(coupon_id) == ["claim", "lock"]


async def test_one_order_asking_sixteen_times_at_once_locks_once(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.coupon(member_id)

    answers = await asyncio.gather(*(campaign.lock(order_id, member_id, coupon_id) for _ in range(16)))

    assert [answer.status_code for answer in answers] == [200] * 16
    assert await campaign.journal(coupon_id) == ["claim", "lock"]


async def test_coupons_of_others_and_unknown_coupons_are_not_found(campaign: Campaign) -> None:
    owner, stranger, order_id = new_id(), new_id(), new_id()
    coupon_id = await campaign.coupon(owner)

    answers = [
        await campaign.lock(order_id, stranger, coupon_id),
        await campaign.lock(order_id, owner, str(new_id())),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert await campaign.state(owner, coupon_id) == "available"
    assert await campaign.rows("SELECT 1 FROM coupon_locks WHERE order_id = :id", id=order_id) == []


async def test_a_used_an_expired_and_an_early_coupon_cannot_be_locked(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    used = await campaign.locked_coupon(member_id, order_id)
    await campaign.hear(order_paid(order_id, member_id, used))
    early = await campaign.coupon(
        member_id,
        valid_days=None,
        valid_from_at=(AT + 8 * DAY).isoformat(),
        valid_until_at=(AT + 9 * DAY).isoformat(),
    )
    expired = await campaign.coupon(member_id)
    campaign.clock.set(AT + 7 * DAY)

    refusals = [await campaign.lock(new_id(), member_id, coupon_id) for coupon_id in (used, early, expired)]

    assert [answer.status_code for answer in refusals] == [409] * 3
    assert [answer.json()["reason"] for answer in refusals] == ["used", "not_started", "expired"]
    assert [await campaign.journal(coupon_id) for coupon_id in (early, expired)] == [["claim"], ["claim"]]


async def test_an_order_has_one_coupon(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    first, second = await campaign.locked_coupon(member_id, order_id), await campaign.coupon(member_id)

    refused = await campaign.lock(order_id, member_id, second)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign/other-coupon-locked")
    assert await campaign.state(member_id, first) == "locked"
    assert await campaign.state(member_id, second) == "available"


async def test_a_released_coupon_is_free_for_another_order(campaign: Campaign) -> None:
    member_id, order_id, next_order_id = new_id(), new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    releases = await asyncio.gather(*(campaign.release(order_id) for _ in range(8)))
    again = await campaign.lock(order_id, member_id, coupon_id)
    next_lock = await campaign.lock(next_order_id, member_id, coupon_id)

    released = {"order_id": str(order_id), "state": "released"}
    assert [(answer.status_code, answer.json()) for answer in releases] == [(200, released)] * 8
    assert (again.status_code, again.json()["type"]) == (409, "/problems/campaign/coupon-lock-released")
    assert next_lock.status_code == 200
    assert await campaign.journal(coupon_id) == ["claim", "lock", "release", "lock"]


async def test_a_release_that_comes_first_keeps_the_lock_out(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.coupon(member_id)

    assert (await campaign.release(order_id)).status_code == 200
    refused = await campaign.lock(order_id, member_id, coupon_id)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign/coupon-lock-released")
    assert await campaign.state(member_id, coupon_id) == "available"


async def test_a_lock_and_a_release_at_once_leave_the_coupon_free(campaign: Campaign) -> None:
    for _ in range(8):
        member_id, order_id = new_id(), new_id()
        coupon_id = await campaign.coupon(member_id)

        locked, released = await asyncio.gather(
            campaign.lock(order_id, member_id, coupon_id), campaign.release(order_id)
        )

        assert released.status_code == 200
        assert locked.status_code in (200, 409)
        assert await campaign.state(member_id, coupon_id) == "available"


async def test_a_paid_order_redeems_its_coupon_once(campaign: Campaign) -> None:
    member_id, order_id, event_id = new_id(), new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)
    paid = order_paid(order_id, member_id, coupon_id, coupon_discount_fen=777)

    for id_ in (event_id, event_id, new_id()):
        await campaign.hear(paid, id=id_)

    [redeemed] = await campaign.announced(coupon_id, CouponRedeemed)
    assert redeemed == {
        "coupon_id": coupon_id,
        "coupon_template_id": redeemed["coupon_template_id"],
        "member_id": str(member_id),
        "order_id": str(order_id),
        "discount_fen": 777,
        "redeemed_at": "2026-03-08T02:30:00Z",
    }
    assert await campaign.state(member_id, coupon_id) == "used"
    assert await campaign.journal(coupon_id) == ["claim", "lock", "redeem"]
    refused = await campaign.release(order_id)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign/coupon-redeemed")
    assert await campaign.state(member_id, coupon_id) == "used"


async def test_the_coupons_of_orders_paid_together_are_redeemed_together(campaign: Campaign) -> None:
    counts = {}
    for size in (1, 6):
        paid, coupons = {}, []
        for number in range(size):
            member_id, order_id = new_id(), new_id()
            coupons.append(await campaign.locked_coupon(member_id, order_id))
            paid[new_id()] = order_paid(order_id, member_id, coupons[-1], coupon_discount_fen=1_000 + number)
        paid |= {new_id(): order_paid(new_id(), new_id(), None)}
        paid |= {new_id(): next(iter(paid.values()))}
        async with campaign.counting_statements() as statements:
            await campaign.hear_together(paid)
        counts[size] = [each for each in statements if "buyers" not in each]
        for (cause, order), coupon_id in zip(paid.items(), coupons, strict=False):
            [redeemed] = await campaign.announced(coupon_id, CouponRedeemed)
            assert redeemed["order_id"] == str(order.order_id)
            assert redeemed["discount_fen"] == order.coupon_discount_fen
            assert await campaign.journal(coupon_id) == ["claim", "lock", "redeem"]
            [row] = await campaign.rows(
                "SELECT event_id FROM outbox WHERE type = :type AND subject = :subject",
                type=CouponRedeemed.type,
                subject=coupon_id,
            )
            assert row["event_id"] == derived_id(
                cause, f"campaign.redeem-coupon {CouponRedeemed.type} {coupon_id} 1"
            )
    assert len(counts[1]) == len(counts[6])


async def test_orders_without_a_coupon_cost_the_claim_of_their_events_only(campaign: Campaign) -> None:
    paid = {new_id(): order_paid(new_id(), new_id(), None) for _ in range(3)}
    async with campaign.counting_statements() as statements:
        await campaign.hear_together(paid)
    assert len([each for each in statements if "coupon" in each]) == 0
    assert len([each for each in statements if "inbox" in each]) == 2  # this reaction, and `remember_buyer`


async def test_a_coupon_that_expires_while_locked_is_still_redeemed(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    campaign.clock.set(AT + 8 * DAY)
    await campaign.hear(order_paid(order_id, member_id, coupon_id))

    assert await campaign.state(member_id, coupon_id) == "used"


async def test_a_closed_order_gives_its_coupon_back(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    await campaign.hear(order_closed(order_id, member_id, coupon_id))
    await campaign.hear(order_closed(order_id, member_id, coupon_id))

    assert await campaign.state(member_id, coupon_id) == "available"
    assert await campaign.journal(coupon_id) == ["claim", "lock", "release"]


async def test_a_coupon_given_back_after_its_end_is_expired(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    campaign.clock.set(AT + 8 * DAY)
    await campaign.hear(order_closed(order_id, member_id, coupon_id))

    assert await campaign.state(member_id, coupon_id) == "expired"


async def test_a_whole_refund_gives_the_coupon_back_once(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)
    await campaign.hear(order_paid(order_id, member_id, coupon_id))
    refunded = order_refunded(order_id, member_id, coupon_id)

    await campaign.hear(refunded)
    await campaign.hear(refunded)

    assert await campaign.state(member_id, coupon_id) == "available"
    assert await campaign.journal(coupon_id) == ["claim", "lock", "redeem", "restore"]
    [restored] = await campaign.announced(coupon_id, CouponRestored)
    assert (restored["order_id"], restored["member_id"]) == (str(order_id), str(member_id))
    assert (await campaign.lock(new_id(), member_id, coupon_id)).status_code == 200


@pytest.mark.parametrize(
    ("is_full", "days_later"), [(False, 0), (True, 7)], ids=["in part", "after the coupon's end"]
)
async def test_other_refunds_leave_the_coupon_used(
    campaign: Campaign, is_full: bool, days_later: int
) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)
    await campaign.hear(order_paid(order_id, member_id, coupon_id))

    refunded_at = AT + days_later * DAY
    await campaign.hear(
        order_refunded(order_id, member_id, coupon_id, is_full=is_full, refunded_at=refunded_at)
    )

    assert await campaign.state(member_id, coupon_id) == "used"
    assert await campaign.announced(coupon_id, CouponRestored) == []


async def test_a_refund_that_is_heard_of_before_the_payment_waits_for_it(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)

    await campaign.hear(order_refunded(order_id, member_id, coupon_id))
    assert await campaign.state(member_id, coupon_id) == "locked"
    await campaign.hear(order_paid(order_id, member_id, coupon_id))
    await campaign.retry_stalled()

    assert await campaign.journal(coupon_id) == ["claim", "lock", "redeem", "restore"]


async def test_a_payment_that_is_heard_of_before_the_lock_waits_for_it(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.coupon(member_id)

    await campaign.hear(order_paid(order_id, member_id, coupon_id))
    assert await campaign.state(member_id, coupon_id) == "available"
    await campaign.lock(order_id, member_id, coupon_id)
    await campaign.retry_stalled()

    assert await campaign.journal(coupon_id) == ["claim", "lock", "redeem"]
    assert len(await campaign.announced(coupon_id, CouponRedeemed)) == 1


async def test_a_payment_of_an_order_that_let_go_waits_for_an_operator(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    coupon_id = await campaign.locked_coupon(member_id, order_id)
    await campaign.release(order_id)
    event_id = new_id()

    await campaign.hear(order_paid(order_id, member_id, coupon_id), id=event_id)

    assert await campaign.state(member_id, coupon_id) == "available"
    stalled = await campaign.rows("SELECT reaction FROM stalled_events WHERE event_id = :id", id=event_id)
    assert stalled == [{"reaction": "campaign.redeem-coupon"}]
