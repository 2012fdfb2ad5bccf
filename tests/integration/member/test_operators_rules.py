"""Operators set levels and point rules and adjust points; everything they change is in the audit log (SEC14, V5)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.events import PointsEarned
from shared.ids import new_id
from tests.integration.member.books import assert_books_close
from tests.integration.member.people import Members, order_paid


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _usual_rules_afterwards(members: Members) -> AsyncIterator[None]:
    """The rules are the shop's, not a test's: put them back."""
    paths = ["/operator/member-levels", "/operator/point-rules"]
    operator = members.as_operator("owner")
    usual = [(path, (await operator.get("member", path)).json()) for path in paths]
    yield
    for path, body in usual:
        assert (await operator.put("member", path, body)).status_code == 200


async def last_audit(members: Members) -> dict[str, Any]:
    rows = await members.rows(
        "SELECT action, subject, actor_roles, before, after FROM audit_log ORDER BY position DESC LIMIT 1"
    )
    return rows[0]


async def test_a_new_shop_has_four_levels(members: Members) -> None:
    levels = (await members.as_operator("auditor").get("member", "/operator/member-levels")).json()["levels"]

    assert [(each["code"], each["threshold_growth"], each["discount_bp"]) for each in levels] == [
        ("normal", 0, 10_000),
        ("silver", 1_000, 9_800),
        ("gold", 5_000, 9_500),
        ("diamond", 20_000, 9_000),
    ]
    assert [perk["kind"] for perk in levels[3]["perks"]] == [
        "birthday_gift",
        "freight_coupon",
        "early_access",
        "priority_service",
    ]


async def test_changed_levels_hold_for_every_member_at_once_and_are_audited(members: Members) -> None:
    member = await members.join()
    await members.hear(order_paid(member, order_id=new_id(), lines_fen=[60_000]))
    assert await members.level(member) == ("normal", 600)
    operator = members.as_operator("operations")
    before = (await operator.get("member", "/operator/member-levels")).json()
    after = {
        "levels": [
            {"code": "guest", "name": "访客", "threshold_growth": 0, "discount_bp": 10_000, "perks": []},
            {
                "code": "friend",
                "name": "老友",
                "threshold_growth": 600,
                "discount_bp": 9_700,
                "perks": [{"kind": "early_access", "text": "新品优先购"}],
            },
        ]
    }

    answer = await operator.put("member", "/operator/member-levels", after)

    assert (answer.status_code, answer.json()) == (200, after)
    assert await members.level(member) == ("friend", 600)
    assert await last_audit(members) == {
        "action": "member-levels.change",
        "subject": "member-levels",
        "actor_roles": ["operations"],
        "before": before["levels"],
        "after": after["levels"],
    }


async def test_operators_changing_levels_at_once_wait_for_each_other(members: Members) -> None:
    operator = members.as_operator("owner")
    levels = (await operator.get("member", "/operator/member-levels")).json()

    answers = await asyncio.gather(
        *(operator.put("member", "/operator/member-levels", levels) for _ in range(6))
    )

    assert [answer.status_code for answer in answers] == [200] * 6


A_LEVEL = {"code": "normal", "name": "普通", "threshold_growth": 0, "discount_bp": 10_000, "perks": []}


@pytest.mark.parametrize(
    "levels",
    [
        [],
        [A_LEVEL | {"threshold_growth": 1}],
        [A_LEVEL | {"discount_bp": 0}],
        [A_LEVEL | {"discount_bp": 10_001}],
        [A_LEVEL | {"discount_bp": 9_500.5}],
        [A_LEVEL | {"code": "A B"}],
        [A_LEVEL | {"perks": [{"kind": "free_money", "text": "x"}]}],
        [A_LEVEL | {"growth": 1}],
        [A_LEVEL, A_LEVEL],
        [A_LEVEL | {"code": f"l{n}", "threshold_growth": n} for n in range(5)],
    ],
    ids=repr,
)
async def test_levels_that_make_no_ladder_are_malformed_and_change_nothing(
    members: Members, levels: list[Any]
) -> None:
    operator = members.as_operator("operations")
    before = (await operator.get("member", "/operator/member-levels")).json()

    answer = await operator.put("member", "/operator/member-levels", {"levels": levels})

    assert answer.status_code == 422
    assert (await operator.get("member", "/operator/member-levels")).json() == before


RULES = {
    "earn_points_per_yuan": 2,
    "growth_per_yuan": 3,
    "login_points": 0,
    "points_per_yuan": 200,
    "points_max_ratio_bp": 3_000,
    "expire_after_days": 30,
}


async def test_changed_point_rules_hold_for_the_next_order_and_are_audited(members: Members) -> None:
    operator = members.as_operator("operations")
    before = (await operator.get("member", "/operator/point-rules")).json()

    answer = await operator.put("member", "/operator/point-rules", RULES)

    assert (answer.status_code, answer.json()) == (200, RULES)
    audited = await last_audit(members)
    assert (audited["action"], audited["before"], audited["after"]) == ("point-rules.change", before, RULES)
    member = await members.join()
    await members.hear(order_paid(member, order_id=new_id(), lines_fen=[1_000]))
    assert await members.points(member) == (20, 0, 0)
    assert await members.level(member) == ("normal", 30)
    points = (await members.as_member(member).get("member", "/me/points")).json()
    assert (points["points_per_yuan"], points["points_max_ratio_bp"]) == (200, 3_000)
    assert points["next_expiry"] == {"points": 20, "expires_at": "2026-04-01T16:00:00Z"}


@pytest.mark.parametrize(
    "change",
    [
        {"points_per_yuan": 0},
        {"points_max_ratio_bp": 10_001},
        {"earn_points_per_yuan": -1},
        {"login_points": "1"},
        {"expire_after_days": 0},
        {"expire_after_days": True},
        {"bonus": 1},
    ],
    ids=repr,
)
async def test_impossible_point_rules_are_malformed_and_change_nothing(
    members: Members, change: dict[str, Any]
) -> None:
    operator = members.as_operator("operations")
    before = (await operator.get("member", "/operator/point-rules")).json()

    assert (await operator.put("member", "/operator/point-rules", RULES | change)).status_code == 422
    assert (await operator.get("member", "/operator/point-rules")).json() == before


async def test_an_adjustment_is_made_once_per_key_and_audited(members: Members) -> None:
    member = await members.join()
    operator = members.as_operator("operations")
    path, headers = (
        f"/operator/members/{member.member_id}/points-adjustments",
        {"idempotency-key": str(new_id())},
    )
    body = {"points": 50, "reason": "快递破损补偿"}

    answers = [await operator.post("member", path, body, headers=headers) for _ in range(3)]

    balance = {
        "member_id": str(member.member_id),
        "spendable_points": 51,
        "held_points": 0,
        "owed_points": 0,
    }
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, balance)] * 3
    other = await operator.post("member", path, body | {"points": 51}, headers=headers)
    assert other.status_code == 422
    assert await members.points(member) == (51, 0, 0)
    [audited] = await members.rows(
        "SELECT before, after FROM audit_log WHERE subject = :subject", subject=f"member/{member.member_id}"
    )
    assert (audited["before"]["spendable"], audited["after"]["spendable"]) == (1, 51)
    assert audited["after"]["reason"] == "快递破损补偿"
    earned = await members.announced(member, PointsEarned)
    assert [(each["points"], each["reason"]) for each in earned] == [(1, "login"), (50, "adjustment")]
    await assert_books_close(members, member)


async def test_an_operator_cannot_take_more_than_can_be_spent(members: Members) -> None:
    member = await members.join_with_points(20)
    await members.hold(new_id(), member, 15)
    operator = members.as_operator("operations")
    path = f"/operator/members/{member.member_id}/points-adjustments"

    answers = [
        await operator.post(
            "member", path, {"points": points, "reason": "误发"}, headers={"idempotency-key": str(new_id())}
        )
        for points in (-6, -5, -1)
    ]

    assert [answer.status_code for answer in answers] == [409, 201, 409]
    assert await members.points(member) == (0, 15, 0)
    await assert_books_close(members, member)


@pytest.mark.parametrize("points", [0, 1.5, "1", True, None, 10**12 + 1, -(2**63)])
async def test_hostile_adjustments_are_malformed_and_change_nothing(members: Members, points: object) -> None:
    member = await members.join()
    path = f"/operator/members/{member.member_id}/points-adjustments"

    answer = await members.as_operator("operations").post(
        "member", path, {"points": points, "reason": "x"}, headers={"idempotency-key": str(new_id())}
    )

    assert answer.status_code == 422
    assert await members.points(member) == (1, 0, 0)


async def test_an_adjustment_without_a_key_or_for_nobody_is_refused(members: Members) -> None:
    member = await members.join()
    operator, body = members.as_operator("operations"), {"points": 5, "reason": "x"}

    without_key = await operator.post(
        "member", f"/operator/members/{member.member_id}/points-adjustments", body
    )
    nobody = await operator.post(
        "member",
        f"/operator/members/{new_id()}/points-adjustments",
        body,
        headers={"idempotency-key": str(new_id())},
    )

    assert (without_key.status_code, nobody.status_code) == (400, 404)
    assert await members.points(member) == (1, 0, 0)
