"""Members as they see themselves, as operators see them, as checkout needs them; sealed where it counts (SEC11)."""

from typing import Any

import pytest

from shared.http.callers import ROLES
from shared.ids import new_id
from tests.integration.member.people import Member, Members, order_paid
from tests.integration.member.test_addresses import HOME, add
from tests.integration.member.test_consents_and_phones import a_phone, agree, bind, hidden

SOMEBODY = "019b7d2a-0000-7000-8000-000000000000"
"""A member id that nobody has; fixed, so that every worker collects the same tests."""


async def me(members: Members, member: Member) -> dict[str, Any]:
    found: dict[str, Any] = (await members.as_member(member).get("member", "/me")).json()
    return found


async def test_a_new_member_sees_who_they_are(members: Members) -> None:
    member = await members.join()

    assert await me(members, member) == {
        "member_id": str(member.member_id),
        "nickname": None,
        "birthday_on": None,
        "phone": None,
        "level": {"code": "normal", "name": "普通会员"},
        "growth": 0,
        "spendable_points": 1,
        "consents": [],
        "registered_at": "2026-03-02T04:00:00Z",
    }


async def test_a_member_changes_their_profile_field_by_field(members: Members) -> None:
    member = await members.join()
    caller = members.as_member(member)

    await caller.patch("member", "/me", {"nickname": " 小　明 ", "birthday_on": "1990-02-28"})
    answer = await caller.patch("member", "/me", {"birthday_on": None})

    assert (answer.status_code, answer.json()["nickname"], answer.json()["birthday_on"]) == (
        200,
        "小 明",
        None,
    )
    assert answer.json() == await me(members, member)
    assert (await members.log_in(member.openid)).json()["nickname"] == "小 明"


@pytest.mark.parametrize(
    "changes",
    [
        {"nickname": ""},
        {"nickname": "长" * 33},
        {"nickname": 7},
        {"nickname": "\x00"},
        {"birthday_on": "1899-12-31"},
        {"birthday_on": "2026-03-03"},
        {"birthday_on": "1990-02-30"},
        {"birthday_on": 0},
        {"birthday_on": "0"},
        {"birthday_on": "1990-02-28T00:00:00"},
        {"level": "diamond"},
        {"growth": 99_999},
        {"spendable_points": 99_999},
        {"phone": "13800138000"},
        [],
        "nickname",
        None,
    ],
    ids=repr,
)
async def test_hostile_profiles_are_malformed_and_change_nothing(members: Members, changes: object) -> None:
    member = await members.join()
    before = await me(members, member)

    answer = await members.as_member(member).patch("member", "/me", changes)

    assert answer.status_code == 422
    assert await me(members, member) == before


async def test_checkout_learns_level_points_and_default_address(members: Members) -> None:
    member = await members.join()
    await members.hear(order_paid(member, order_id=new_id(), lines_fen=[500_000]))
    order = members.as_service("order")
    path = f"/internal/members/{member.member_id}/standing"
    without_address = (await order.get("member", path)).json()
    await add(members, member, street="旧街 1 号")
    second = await add(members, member)
    await members.as_member(member).post("member", f"/me/addresses/{second['address_id']}/default")

    assert without_address == {
        "member_id": str(member.member_id),
        "level": {"code": "gold", "name": "黄金会员", "discount_bp": 9_500},
        "spendable_points": 5_001,
        "points_per_yuan": 100,
        "points_max_ratio_bp": 5_000,
        "default_address": None,
    }
    with_address = (await order.get("member", path)).json()
    assert with_address == without_address | {"default_address": HOME | {"address_id": second["address_id"]}}


@pytest.mark.parametrize(
    ("part", "allowed"), [("standing", {"order"}), ("contact", {"order", "payment", "campaign"})]
)
async def test_siblings_learn_only_what_they_need(members: Members, part: str, allowed: set[str]) -> None:
    member = await members.join()
    path = f"/internal/members/{member.member_id}/{part}"

    for sibling in ("order", "payment", "campaign", "catalog", "analytics", "gateway"):
        answer = await members.as_service(sibling).get("member", path)
        assert answer.status_code == (200 if sibling in allowed else 404), sibling
    unknown = await members.as_service("order").get("member", f"/internal/members/{new_id()}/{part}")
    assert unknown.status_code == 404


async def test_the_contact_is_the_openid_that_messages_go_to(members: Members) -> None:
    member = await members.join()

    answer = await members.as_service("campaign").get(
        "member", f"/internal/members/{member.member_id}/contact"
    )

    assert answer.json() == {"wechat_openid": member.openid}


async def test_operators_see_members_with_masked_phones_page_by_page(members: Members) -> None:
    phone = a_phone()
    older, newer = await members.join(), await members.join(phone=phone)
    await agree(members, newer, "privacy", "phone")
    await bind(members, newer)
    operator = members.as_operator("service_desk")

    first = (await operator.get("member", "/operator/members?limit=1")).json()
    second = (await operator.get("member", f"/operator/members?limit=1&after={first['next']}")).json()

    assert [each["member_id"] for each in first["items"]] == [str(newer.member_id)]
    assert [each["member_id"] for each in second["items"]] == [str(older.member_id)]
    shown = await operator.get("member", f"/operator/members/{newer.member_id}")
    assert shown.json() == first["items"][0]
    assert shown.json() == {
        "member_id": str(newer.member_id),
        "nickname": None,
        "phone": hidden(phone),
        "level": {"code": "normal", "name": "普通会员"},
        "growth": 0,
        "spendable_points": 1,
        "held_points": 0,
        "owed_points": 0,
        "registered_at": "2026-03-02T04:00:00Z",
    }
    assert (await operator.get("member", f"/operator/members/{new_id()}")).status_code == 404


@pytest.mark.parametrize("after", ["nonsense", "WzFd", "WyJ4Il0", "W10"])
async def test_a_cursor_that_is_not_ours_is_malformed(members: Members, after: str) -> None:
    member = await members.join()

    listed = await members.as_operator("owner").get("member", f"/operator/members?after={after}")
    entries = await members.as_member(member).get("member", f"/me/points/entries?after={after}")

    assert (listed.status_code, entries.status_code) == (422, 422)


READS_MEMBERS = {"owner", "operations", "service_desk", "auditor"}
CHANGES = {"owner", "operations"}


@pytest.mark.parametrize("role", ROLES)
async def test_each_operator_role_may_do_what_it_should(members: Members, role: str) -> None:
    member = await members.join()
    operator = members.as_operator(role)
    levels = (await operator.get("member", "/operator/member-levels")).json()
    rules = (await operator.get("member", "/operator/point-rules")).json()
    adjustments = f"/operator/members/{member.member_id}/points-adjustments"
    key = {"idempotency-key": str(new_id())}

    answers = {
        "read members": await operator.get("member", "/operator/members"),
        "read member": await operator.get("member", f"/operator/members/{member.member_id}"),
        "change levels": await operator.put("member", "/operator/member-levels", levels),
        "change rules": await operator.put("member", "/operator/point-rules", rules),
        "adjust": await operator.post("member", adjustments, {"points": 5, "reason": "x"}, headers=key),
    }

    reads, changes = (200 if role in READS_MEMBERS else 403), (200 if role in CHANGES else 403)
    assert {does: answer.status_code for does, answer in answers.items()} == {
        "read members": reads,
        "read member": reads,
        "change levels": changes,
        "change rules": changes,
        "adjust": 201 if role in CHANGES else 403,
    }
    assert await members.points(member) == (6 if role in CHANGES else 1, 0, 0)


OPERATORS_ROUTES = [
    ("GET", "/operator/members"),
    ("GET", f"/operator/members/{SOMEBODY}"),
    ("GET", "/operator/member-levels"),
    ("PUT", "/operator/member-levels"),
    ("GET", "/operator/point-rules"),
    ("PUT", "/operator/point-rules"),
    ("POST", f"/operator/members/{SOMEBODY}/points-adjustments"),
]


@pytest.mark.parametrize(("method", "path"), OPERATORS_ROUTES)
async def test_operators_routes_are_closed_to_members_and_visitors(
    members: Members, method: str, path: str
) -> None:
    for caller in (members.shop.as_member(), members.shop.as_anonymous(), members.as_service("order")):
        assert (await caller.request("member", method, path)).status_code == 401


async def test_no_column_of_any_table_holds_a_phone_or_an_address_in_the_open(members: Members) -> None:
    phone, other_phone, street = a_phone(), a_phone(), f"西溪路 {new_id().hex} 号"
    member = await members.join(phone=phone)
    await agree(members, member, "privacy", "phone")
    assert (await bind(members, member))[0] == 200
    added = await add(members, member, phone=other_phone, street=street, recipient="欧阳娜娜娜")
    await members.as_member(member).patch(
        "member", f"/me/addresses/{added['address_id']}", {"district": "余杭区"}
    )

    tables = await members.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    assert len(tables) >= 20
    for secret in (phone, other_phone, street, "欧阳娜娜娜"):
        for table in tables:
            found = await members.rows(
                f"SELECT count(*) AS rows FROM {table['tablename']} AS scanned"
                " WHERE position(:secret in CAST(scanned AS text)) > 0"
                " OR position(encode(convert_to(:secret, 'UTF8'), 'hex') in CAST(scanned AS text)) > 0",
                secret=secret,
            )
            assert found == [{"rows": 0}], table["tablename"]
