"""What shoppers see: coupons to claim, promotions that run, their own wallet and nobody else's."""

from shared.ids import new_id
from tests.integration.campaign.giveaways import AT, DAY, Campaign, order_paid
from tests.support.shop import Caller


async def test_templates_tell_a_member_what_they_can_still_claim(campaign: Campaign) -> None:
    member_id = new_id()
    template_id = await campaign.template(total_quota=5, per_member_limit=2)
    await campaign.claim(template_id, member_id)

    mine = await _listed(campaign.shop.as_member(member_id))
    visitor = await _listed(campaign.shop.as_anonymous())

    assert mine[template_id] == {
        "name": "满100减10",
        "kind": "amount",
        "scope": {"kind": "all", "ids": []},
        "threshold_fen": 10_000,
        "stackable_with_full_reduction": True,
        "amount_fen": 1_000,
        "discount_bp": 10_000,
        "cap_fen": None,
        "template_id": template_id,
        "audience": "everybody",
        "claim_until_at": None,
        "valid_days": 7,
        "valid_from_at": None,
        "valid_until_at": None,
        "remaining": 4,
        "per_member_limit": 2,
        "claimed": 1,
        "claimable": 1,
    }
    assert visitor[template_id] == mine[template_id] | {"claimed": 0, "claimable": 2}


async def test_only_what_can_be_claimed_now_is_listed(campaign: Campaign) -> None:
    buyer, newcomer = new_id(), new_id()
    await campaign.hear(order_paid(new_id(), buyer, None, coupon_discount_fen=0))
    draft, stopped = await campaign.template(running=False), await campaign.template()
    await campaign.operate("POST", f"/coupon-templates/{stopped}/stop")
    sold_out = await campaign.template(total_quota=1)
    await campaign.claim(sold_out, newcomer)
    early = await campaign.template(claim_from_at=(AT + DAY).isoformat())
    late = await campaign.template(claim_until_at=AT.isoformat())
    welcome, last_one = await campaign.template(audience="new_members"), await campaign.template()
    await campaign.claim(last_one, newcomer)

    for_newcomers = await _listed(campaign.shop.as_member(newcomer))
    for_buyers = await _listed(campaign.shop.as_member(buyer))

    assert for_newcomers.keys().isdisjoint({draft, stopped, sold_out, early, late})
    assert welcome in for_newcomers
    assert welcome not in for_buyers
    assert (for_newcomers[last_one]["claimed"], for_newcomers[last_one]["claimable"]) == (1, 0)


async def test_running_promotions_are_listed_while_they_last(campaign: Campaign) -> None:
    category_id = str(new_id())
    running = await campaign.full_reduction(
        scope={"kind": "categories", "ids": [category_id]}, ends_at=(AT + DAY).isoformat()
    )
    draft = await campaign.full_reduction(running=False)
    early = await campaign.full_reduction(starts_at=(AT + DAY).isoformat())

    now = await _promotions(campaign)
    campaign.clock.set(AT + DAY)
    next_day = await _promotions(campaign)

    assert now[running] == {
        "promotion_id": running,
        "kind": "full_reduction",
        "name": "满200减20",
        "scope": {"kind": "categories", "ids": [category_id]},
        "tiers": [{"reduction_fen": 2_000, "threshold_fen": 20_000, "threshold_quantity": 0}],
        "ends_at": "2026-03-09T02:30:00Z",
    }
    assert now.keys().isdisjoint({draft, early})
    assert running not in next_day
    assert early in next_day


async def test_a_wallet_is_its_owners_and_comes_in_pages(campaign: Campaign) -> None:
    owner, stranger = new_id(), new_id()
    coupons = [await campaign.coupon(owner) for _ in range(3)]

    caller = campaign.shop.as_member(owner)
    first = (await caller.get("campaign", "/me/coupons?limit=2")).json()
    second = (await caller.get("campaign", f"/me/coupons?limit=2&after={first['next']}")).json()

    assert [coupon["coupon_id"] for coupon in first["items"] + second["items"]] == coupons[::-1]
    assert second["next"] is None
    assert await campaign.coupons(stranger) == []
    assert (await campaign.shop.as_anonymous().get("campaign", "/me/coupons")).status_code == 401
    assert (await caller.get("campaign", "/me/coupons?state=stolen")).status_code == 422


async def _listed(caller: Caller) -> dict[str, dict[str, object]]:
    return await _all(caller, "/coupon-templates", "template_id")


async def _promotions(campaign: Campaign) -> dict[str, dict[str, object]]:
    return await _all(campaign.shop.as_anonymous(), "/promotions", "promotion_id")


async def _all(caller: Caller, path: str, id_field: str) -> dict[str, dict[str, object]]:
    found, after = {}, ""
    while True:
        page = (await caller.get("campaign", f"{path}?limit=100{after}")).json()
        found.update({item[id_field]: item for item in page["items"]})
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"
