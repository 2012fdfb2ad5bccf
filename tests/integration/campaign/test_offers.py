"""What the order service is told about a cart: what touches it, in two statements, and why a coupon will not do."""

from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.campaign.giveaways import AT, DAY, Campaign, a_line, order_paid

TIER = {"reduction_fen": 2_000, "threshold_fen": 20_000, "threshold_quantity": 0}


async def test_full_reductions_are_offered_where_they_touch_a_line(campaign: Campaign) -> None:
    line, leaf, root = a_line(), str(new_id()), str(new_id())
    line["category_ids"] = [leaf, root]
    others = [str(new_id()) for _ in range(40)]
    for_all = await campaign.full_reduction()
    for_root = await campaign.full_reduction(scope={"kind": "categories", "ids": [*others, root, leaf]})
    for_product = await campaign.full_reduction(
        scope={"kind": "products", "ids": [*others, line["product_id"]]}
    )
    elsewhere = [
        await campaign.full_reduction(scope={"kind": "products", "ids": [*others, leaf]}),
        await campaign.full_reduction(scope={"kind": "categories", "ids": [line["product_id"]]}),
        await campaign.full_reduction(running=False),
        await campaign.full_reduction(ends_at=AT.isoformat()),
        await campaign.full_reduction(starts_at=(AT + DAY).isoformat()),
    ]

    offers = await campaign.offers(new_id(), line, a_line())

    offered = {rule["id"]: rule for rule in offers["full_reductions"]}
    assert list(offered) == sorted(offered)
    assert offered.keys().isdisjoint(elsewhere)
    assert offered[for_all]["scope"] == {"kind": "all", "ids": []}
    assert offered[for_root]["scope"] == {"kind": "categories", "ids": sorted([leaf, root])}
    assert offered[for_product] == {
        "id": for_product,
        "name": "满200减20",
        "scope": {"kind": "products", "ids": [line["product_id"]]},
        "tiers": [TIER],
    }


async def test_the_instant_that_is_asked_about_decides(campaign: Campaign) -> None:
    tomorrow = await campaign.full_reduction(starts_at=(AT + DAY).isoformat())

    now = await campaign.offers(new_id(), a_line())
    then = await campaign.offers(new_id(), a_line(), at=(AT + DAY).isoformat())

    assert tomorrow not in {rule["id"] for rule in now["full_reductions"]}
    assert tomorrow in {rule["id"] for rule in then["full_reductions"]}


async def test_the_chosen_coupon_comes_with_its_rule(campaign: Campaign) -> None:
    member_id, line = new_id(), a_line()
    coupon_id = await campaign.coupon(
        member_id, scope={"kind": "products", "ids": [str(new_id()), line["product_id"]]}
    )

    offers = await campaign.offers(member_id, line, coupon_id=coupon_id)

    assert offers["coupon_problem"] is None
    assert offers["coupon"] == {
        "id": coupon_id,
        "template_id": offers["coupon"]["template_id"],
        "name": "满100减10",
        "kind": "amount",
        "scope": {"kind": "products", "ids": [line["product_id"]]},
        "threshold_fen": 10_000,
        "stackable_with_full_reduction": True,
        "amount_fen": 1_000,
        "discount_bp": 10_000,
        "cap_fen": None,
    }
    assert offers["usable_coupons"] == [
        {
            "coupon_id": coupon_id,
            "name": "满100减10",
            "kind": "amount",
            "expires_at": "2026-03-15T02:30:00Z",
        }
    ]


async def test_a_chosen_coupon_for_other_goods_keeps_one_of_them(campaign: Campaign) -> None:
    member_id, ids = new_id(), sorted(str(new_id()) for _ in range(3))
    coupon_id = await campaign.coupon(member_id, scope={"kind": "products", "ids": ids})

    offers = await campaign.offers(member_id, a_line(), coupon_id=coupon_id)

    assert offers["coupon"]["scope"] == {"kind": "products", "ids": ids[:1]}
    assert offers["usable_coupons"] == []


async def test_usable_coupons_are_free_and_within_reach_soonest_to_expire_first(campaign: Campaign) -> None:
    member_id, stranger = new_id(), new_id()
    week, day = await campaign.coupon(member_id), await campaign.coupon(member_id, valid_days=1)
    await campaign.locked_coupon(member_id, new_id())
    await campaign.coupon(member_id, threshold_fen=10_001)
    await campaign.coupon(member_id, scope={"kind": "categories", "ids": [str(new_id())]})
    await campaign.coupon(stranger)

    offers = await campaign.offers(member_id, a_line(5_000, 2), coupon_id=week)

    assert [coupon["coupon_id"] for coupon in offers["usable_coupons"]] == [day, week]


async def test_a_coupon_that_will_not_do_is_a_problem_and_no_refusal(campaign: Campaign) -> None:
    member_id, order_id = new_id(), new_id()
    used = await campaign.locked_coupon(member_id, order_id)
    await campaign.hear(order_paid(order_id, member_id, used))
    locked = await campaign.locked_coupon(member_id, new_id(), valid_days=1)
    early = await campaign.coupon(
        member_id,
        valid_days=None,
        valid_from_at=(AT + 2 * DAY).isoformat(),
        valid_until_at=(AT + 3 * DAY).isoformat(),
    )
    expired, foreign = await campaign.coupon(member_id, valid_days=1), await campaign.coupon(new_id())

    problems = {}
    for coupon_id in (used, locked, early, expired, foreign, str(new_id())):
        offers = await campaign.offers(member_id, a_line(), coupon_id=coupon_id, at=(AT + DAY).isoformat())
        assert offers["coupon"] is None
        problems[coupon_id] = offers["coupon_problem"]["code"]

    assert list(problems.values()) == ["used", "locked", "not_started", "expired", "unknown", "unknown"]


async def test_however_large_the_cart_two_statements_answer(campaign: Campaign) -> None:
    member_id = new_id()
    coupons = [await campaign.coupon(member_id) for _ in range(5)]
    sent = {}

    for size in (1, 200):
        lines = [a_line() for _ in range(size)]
        async with campaign.counting_statements() as statements:
            offers = await campaign.offers(member_id, *lines, coupon_id=coupons[0])
        assert len(offers["usable_coupons"]) == 5
        sent[size] = len(statements)

    assert sent == {1: 2, 200: 2}


@pytest.mark.parametrize(
    "bad",
    [
        {"lines": []},
        {"lines": [a_line() for _ in range(201)]},
        {"lines": [a_line(-1)]},
        {"lines": [a_line(10**10 + 1)]},
        {"lines": [a_line(quantity=0)]},
        {"lines": [a_line(quantity=10_000)]},
        {"lines": [a_line(product_id="soap")]},
        {"coupon_id": "soap"},
        {"member_id": None},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"level": "gold"},
    ],
    ids=[
        "nothing",
        "too many lines",
        "negative",
        "too dear",
        "none of it",
        "too many",
        "product",
        "coupon",
        "nobody",
        "long ago",
        "unknown field",
    ],
)
async def test_nonsense_carts_are_refused(campaign: Campaign, bad: dict[str, Any]) -> None:
    answer = await campaign.ask_for_offers({"member_id": str(new_id()), "lines": [a_line()]} | bad)

    assert answer.status_code == 422, answer.text


async def test_only_the_order_service_asks_and_locks(campaign: Campaign) -> None:
    body = {"member_id": str(new_id()), "coupon_id": str(new_id())}
    callers = [
        campaign.shop.as_member(),
        campaign.shop.as_anonymous(),
        campaign.shop.as_operator("owner"),
        campaign.shop.as_service("payment"),
    ]

    for caller in callers:
        answers = [
            await caller.post("campaign", "/internal/offers", {}),
            await caller.put("campaign", f"/internal/coupon-locks/{new_id()}", body),
            await caller.post("campaign", f"/internal/coupon-locks/{new_id()}/release"),
        ]
        assert {answer.status_code for answer in answers} <= {404, 422}
