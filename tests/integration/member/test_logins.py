"""Logging in: one person is one member, a code is good once, the session key stays here (LG-01, SEC1, L6)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.member.logins.usecases import log_in
from services.member.resources import MemberResources
from shared.clock import day_starts_at, shop_day
from shared.events import MemberRegistered, PointsEarned
from shared.ids import new_id
from shared.wechat.mini import MiniProgram, MiniProgramSettings
from tests.integration.member.people import AT, Members


async def test_the_first_login_registers_a_member_and_the_second_finds_them(members: Members) -> None:
    openid = await members.shop.wechat.user()

    first = (await members.log_in(openid, scene="1047")).json()
    second = (await members.log_in(openid)).json()

    assert first == {
        "member_id": first["member_id"],
        "wechat_openid": openid,
        "is_new": True,
        "nickname": None,
    }
    assert second == first | {"is_new": False}
    registered = await members.rows(
        "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox WHERE type = :type AND subject = :id",
        type=MemberRegistered.type,
        id=first["member_id"],
    )
    assert [(row["data"]["scene"], row["data"]["member_id"]) for row in registered] == [
        ("1047", first["member_id"])
    ]


async def test_twenty_first_logins_at_once_make_one_member(members: Members) -> None:
    openid = await members.shop.wechat.user()

    answers = await asyncio.gather(*(members.log_in(openid) for _ in range(20)))

    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json()["member_id"] for answer in answers}) == 1
    assert sum(answer.json()["is_new"] for answer in answers) == 1
    member_id = answers[0].json()["member_id"]
    counted = await members.rows(
        "SELECT (SELECT count(*) FROM wechat_identities WHERE openid = :openid) AS identities,"
        " (SELECT count(*) FROM wechat_unionids WHERE member_id = CAST(:id AS uuid)) AS unionids,"
        " (SELECT spendable FROM points_accounts WHERE member_id = CAST(:id AS uuid)) AS points",
        openid=openid,
        id=member_id,
    )
    assert counted == [{"identities": 1, "unionids": 1, "points": 1}]


async def test_a_person_known_from_another_app_of_the_shop_is_the_same_member(members: Members) -> None:
    known = await members.join(nickname="same")
    # The shop's other app: the same unionid under another openid of another appid.
    await members.execute(
        "UPDATE wechat_identities SET appid = 'wx00000000000000aa' WHERE openid = :openid",
        openid=known.openid,
    )

    answer = (await members.log_in(known.openid)).json()

    assert (answer["member_id"], answer["is_new"]) == (str(known.member_id), False)


async def test_a_used_login_code_is_refused(members: Members) -> None:
    openid = await members.shop.wechat.user()
    body = {"code": await members.shop.wechat.login_code(openid)}
    gateway = members.as_service("gateway")
    assert (await gateway.post("member", "/internal/logins", body)).status_code == 200

    again = await gateway.post("member", "/internal/logins", body)

    assert (again.status_code, again.json()["type"]) == (401, "/problems/member/login-code-refused")


async def test_an_invented_code_and_a_phone_code_are_refused_and_register_nobody(members: Members) -> None:
    openid = await members.shop.wechat.user(phone="13700001111")
    before = await members.rows("SELECT count(*) AS members FROM members")

    for code in ("0invented", await members.shop.wechat.phone_code(openid)):
        answer = await members.as_service("gateway").post("member", "/internal/logins", {"code": code})
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/member/login-code-refused")

    assert await members.rows("SELECT count(*) AS members FROM members") == before


@pytest.mark.parametrize("caller", ["order", "campaign", "payment"])
async def test_only_the_gateway_may_log_people_in(members: Members, caller: str) -> None:
    answer = await members.as_service(caller).post("member", "/internal/logins", {"code": "x"})

    assert answer.status_code == 404


async def test_a_member_cannot_reach_internal_routes_even_through_the_gateway(members: Members) -> None:
    member = await members.join()
    caller = members.as_member(member)

    standing = await caller.get("member", f"/internal/members/{member.member_id}/standing")
    hold = await caller.put(
        "member",
        f"/internal/points-holds/{member.member_id}",
        {"member_id": str(member.member_id), "points": 1},
    )

    assert (standing.status_code, hold.status_code) == (404, 404)
    assert await members.points(member) == (1, 0, 0)


async def test_the_session_key_is_sealed_and_never_answered(members: Members) -> None:
    member = await members.join()
    answer = await members.log_in(member.openid)

    stored = await members.rows(
        "SELECT appid, session_key_sealed FROM wechat_identities WHERE openid = :openid", openid=member.openid
    )
    resources = members.shop.platform.resources["member"]
    assert isinstance(resources, MemberResources)
    session_key = resources.field_keys.open(
        stored[0]["session_key_sealed"],
        place=f"wechat_identities|session_key_sealed|{stored[0]['appid']}:{member.openid}",
    )
    assert len(session_key) == 24
    assert session_key not in answer.text
    assert "session_key" not in answer.text


async def test_the_first_login_of_a_shop_day_brings_a_point_and_the_second_none(members: Members) -> None:
    member = await members.join()
    await members.log_in(member.openid)
    assert await members.points(member) == (1, 0, 0)

    midnight = day_starts_at(shop_day(AT) + timedelta(days=1))
    members.clock.set(midnight - timedelta(seconds=1))
    await members.log_in(member.openid)
    assert await members.points(member) == (1, 0, 0)

    members.clock.set(midnight)
    await asyncio.gather(*(members.log_in(member.openid) for _ in range(5)))
    assert await members.points(member) == (2, 0, 0)
    earned = await members.announced(member, PointsEarned)
    assert [(each["points"], each["reason"]) for each in earned] == [(1, "login"), (1, "login")]


@pytest.mark.parametrize(
    ("action", "status", "slug"),
    [
        ({"kind": "errcode", "errcode": 40226}, 403, "member/login-blocked"),
        ({"kind": "errcode", "errcode": -1}, 503, "member/login-busy"),
        ({"kind": "errcode", "errcode": 45011}, 503, "member/login-busy"),
        ({"kind": "errcode", "errcode": 40125}, 503, "member/login-busy"),
        ({"kind": "reset"}, 503, "member/login-busy"),
    ],
)
async def test_what_wechat_will_not_answer_registers_nobody(
    members: Members, action: dict[str, Any], status: int, slug: str
) -> None:
    openid = await members.shop.wechat.user()
    await members.shop.wechat.faults({"match": {"api": "login"}, "action": action})

    answer = await members.log_in(openid)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert openid not in answer.text
    assert await members.rows("SELECT 1 FROM wechat_identities WHERE openid = :openid", openid=openid) == []
    assert (await members.log_in(openid)).json()["is_new"] is True


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": ""},
        {"code": None},
        {"code": 1},
        {"code": "a b"},
        {"code": "x" * 257},
        {"code": "x", "wechat_openid": "o"},
        {"code": "x", "scene": 1047},
        ["x"],
    ],
    ids=repr,
)
async def test_hostile_logins_are_malformed(members: Members, body: object) -> None:
    answer = await members.as_service("gateway").post("member", "/internal/logins", body)

    assert answer.status_code == 422


async def test_first_logins_at_once_make_one_member_where_wechat_gives_no_unionid(members: Members) -> None:
    openid = f"o{new_id().hex}"
    own = through(members, appid="wx00000000000000b0", said={"openid": openid, "session_key": "a2V5"})

    logins = await asyncio.gather(*(log_in(own, "code", scene=None, at=AT) for _ in range(12)))

    assert len({login.member_id for login in logins}) == 1
    assert sum(login.is_new for login in logins) == 1


async def test_first_logins_at_once_from_two_apps_of_the_shop_make_one_member(members: Members) -> None:
    unionid = f"oU{new_id().hex}"
    apps = [
        through(
            members,
            appid=f"wx00000000000000c{number}",
            said={"openid": f"o{new_id().hex}", "session_key": "a2V5", "unionid": unionid},
        )
        for number in range(2)
    ]

    logins = await asyncio.gather(*(log_in(app, "code", scene=None, at=AT) for app in apps * 6))

    assert len({login.member_id for login in logins}) == 1
    assert sum(login.is_new for login in logins) == 1
    assert {login.wechat_openid for login in logins if login.is_new} < {
        login.wechat_openid for login in logins
    }


def through(members: Members, *, appid: str, said: dict[str, str]) -> MemberResources:
    """The service with another mini-program, to which WeChat always says the same."""
    resources = members.shop.platform.resources["member"]
    assert isinstance(resources, MemberResources)
    wechat = httpx.MockTransport(lambda _: httpx.Response(200, json=said))
    mini_program = MiniProgram(
        MiniProgramSettings(appid=appid, app_secret="secret", base_url="https://wechat.test"),
        httpx.AsyncClient(transport=wechat),
        clock=members.clock.now,
    )
    return replace(resources, appid=appid, mini_program=mini_program)
