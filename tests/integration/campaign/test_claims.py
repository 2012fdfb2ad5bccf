"""Coupons are claimed once, as many as there are, by those they are for (MK-01, C1, P2, P7)."""

import asyncio

from shared.events import CouponClaimed
from shared.ids import new_id
from tests.integration.campaign.giveaways import AT, DAY, Campaign, order_paid


async def test_a_member_claims_a_coupon(campaign: Campaign) -> None:
    member_id, template_id = new_id(), await campaign.template()

    answer = await campaign.claim(template_id, member_id)

    coupon = answer.json()
    assert answer.status_code == 201
    assert coupon == {
        "name": "满100减10",
        "kind": "amount",
        "scope": {"kind": "all", "ids": []},
        "threshold_fen": 10_000,
        "stackable_with_full_reduction": True,
        "amount_fen": 1_000,
        "discount_bp": 10_000,
        "cap_fen": None,
        "coupon_id": coupon["coupon_id"],
        "template_id": template_id,
        "code": coupon["code"],
        "state": "available",
        "order_id": None,
        "starts_at": "2026-03-08T02:30:00Z",
        "expires_at": "2026-03-15T02:30:00Z",
        "claimed_at": "2026-03-08T02:30:00Z",
    }
    assert len(coupon["code"]) == 12
    assert await campaign.coupons(member_id) == [coupon]
    assert await campaign.journal(coupon["coupon_id"]) == ["claim"]
    assert await campaign.announced(coupon["coupon_id"], CouponClaimed) == [
        {
            "coupon_id": coupon["coupon_id"],
            "coupon_template_id": template_id,
            "member_id": str(member_id),
            "claimed_at": "2026-03-08T02:30:00Z",
        }
    ]


async def test_sixty_four_members_claim_the_last_ten(campaign: Campaign) -> None:
    template_id = await campaign.template(total_quota=10)

    answers = await asyncio.gather(*(campaign.claim(template_id, new_id()) for _ in range(64)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (10, 54)
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 409} == {"none_left"}
    assert await _issued(campaign, template_id) == (10, 10)


async def test_one_member_claims_sixty_four_times_at_once_and_gets_one(campaign: Campaign) -> None:
    member_id, template_id = new_id(), await campaign.template()

    answers = await asyncio.gather(*(campaign.claim(template_id, member_id) for _ in range(64)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (1, 63)
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 409} == {"limit_reached"}
    assert await _issued(campaign, template_id) == (1, 1)


async def test_a_limit_of_three_gives_three_to_each(campaign: Campaign) -> None:
    members, template_id = [new_id(), new_id()], await campaign.template(per_member_limit=3)

    answers = await asyncio.gather(
        *(campaign.claim(template_id, member_id) for _ in range(8) for member_id in members)
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [409] * 10
    assert [len(await campaign.coupons(member_id)) for member_id in members] == [3, 3]
    assert await _issued(campaign, template_id) == (6, 6)


async def test_a_claim_repeated_with_its_key_is_one_claim(campaign: Campaign) -> None:
    member_id, template_id, key = new_id(), await campaign.template(per_member_limit=5), str(new_id())

    first = await campaign.claim(template_id, member_id, key=key)
    again = await campaign.claim(template_id, member_id, key=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(await campaign.coupons(member_id)) == 1


async def test_a_claim_without_a_key_is_refused(campaign: Campaign) -> None:
    member_id, template_id = new_id(), await campaign.template()

    answer = await campaign.shop.as_member(member_id).post(
        "campaign", f"/coupon-templates/{template_id}/claim"
    )

    assert answer.status_code == 400
    assert await campaign.coupons(member_id) == []


async def test_drafts_and_unknown_templates_are_not_found(campaign: Campaign) -> None:
    for template_id in (await campaign.template(running=False), str(new_id())):
        assert (await campaign.claim(template_id, new_id())).status_code == 404


async def test_claiming_waits_for_its_window_and_ends_with_it(campaign: Campaign) -> None:
    member_id = new_id()
    template_id = await campaign.template(
        claim_from_at=(AT + DAY).isoformat(), claim_until_at=(AT + 2 * DAY).isoformat()
    )

    early = await campaign.claim(template_id, member_id)
    campaign.clock.set(AT + 2 * DAY)
    late = await campaign.claim(template_id, member_id)
    campaign.clock.set(AT + DAY)
    in_time = await campaign.claim(template_id, member_id)

    assert (early.status_code, early.json()["reason"]) == (409, "not_started")
    assert (late.status_code, late.json()["reason"]) == (409, "ended")
    assert in_time.status_code == 201


async def test_a_stopped_template_gives_no_more_but_takes_nothing_back(campaign: Campaign) -> None:
    member_id, template_id = new_id(), await campaign.template()
    await campaign.claim(template_id, member_id)

    await campaign.operate("POST", f"/coupon-templates/{template_id}/stop")
    refused = await campaign.claim(template_id, new_id())

    assert (refused.status_code, refused.json()["reason"]) == (409, "ended")
    assert [coupon["state"] for coupon in await campaign.coupons(member_id)] == ["available"]


async def test_coupons_of_a_window_cannot_be_claimed_after_it(campaign: Campaign) -> None:
    template_id = await campaign.template(
        valid_days=None, valid_from_at=(AT - DAY).isoformat(), valid_until_at=AT.isoformat()
    )

    refused = await campaign.claim(template_id, new_id())

    assert (refused.status_code, refused.json()["reason"]) == (409, "ended")


async def test_who_has_bought_before_gets_no_welcome_coupon(campaign: Campaign) -> None:
    template_id = await campaign.template(audience="new_members")
    buyer, newcomer = new_id(), new_id()
    await campaign.hear(order_paid(new_id(), buyer, None, coupon_discount_fen=0))

    refused = await campaign.claim(template_id, buyer)
    claimed = await campaign.claim(template_id, newcomer)

    assert (refused.status_code, refused.json()["reason"]) == (409, "not_for_you")
    assert claimed.status_code == 201
    assert await campaign.coupons(buyer) == []


async def _issued(campaign: Campaign, template_id: str) -> tuple[int, int]:
    """How many coupons a template says it has given, and how many there are."""
    rows = await campaign.rows(
        "SELECT t.issued, (SELECT count(*) FROM coupons c WHERE c.template_id = t.id) AS there"
        " FROM coupon_templates t WHERE CAST(t.id AS text) = :id",
        id=template_id,
    )
    return rows[0]["issued"], rows[0]["there"]
