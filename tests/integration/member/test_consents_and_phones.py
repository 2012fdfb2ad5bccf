"""A phone is bound after two consents, sealed, by one member; consents are logged and withdrawn (LG-02, CP-07, V3)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import ProgrammingError

from shared.events import PhoneBound
from shared.ids import new_id
from tests.integration.member.people import AT, Member, Members

VERSION = "2026-01"


def a_phone() -> str:
    return f"139{new_id().int % 10**8:08d}"


def hidden(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}"


async def agree(members: Members, member: Member, *purposes: str, version: str = VERSION) -> list[int]:
    caller = members.as_member(member)
    answers = [
        await caller.post("member", "/me/consents", {"purpose": purpose, "version": version})
        for purpose in purposes
    ]
    return [answer.status_code for answer in answers]


async def log_of(members: Members, member: Member) -> list[tuple[str, str, str]]:
    rows = await members.rows(
        "SELECT purpose, action, version FROM consents WHERE member_id = :id ORDER BY position",
        id=member.member_id,
    )
    return [(row["purpose"], row["action"], row["version"]) for row in rows]


async def bind(members: Members, member: Member) -> tuple[int, dict[str, object]]:
    code = await members.shop.wechat.phone_code(member.openid)
    answer = await members.as_member(member).post("member", "/me/phone", {"code": code})
    return answer.status_code, answer.json()


async def test_anybody_may_read_the_privacy_agreement(members: Members) -> None:
    answer = await members.shop.as_anonymous().get("member", "/privacy-agreement")

    body = answer.json()
    assert (answer.status_code, body["version"], body["title"]) == (200, VERSION, "隐私政策")
    assert "手机号" in body["body"]


async def test_a_phone_needs_the_privacy_consent_and_then_its_own(members: Members) -> None:
    phone = a_phone()
    member = await members.join(phone=phone)

    status, refused = await bind(members, member)
    assert (status, refused["type"], refused["purpose"]) == (
        403,
        "/problems/member/consent-missing",
        "privacy",
    )
    assert await agree(members, member, "phone") == [403]
    assert await agree(members, member, "privacy") == [201]
    status, refused = await bind(members, member)
    assert (status, refused["purpose"], refused["version"]) == (403, "phone", VERSION)
    assert await members.announced(member, PhoneBound) == []
    assert await agree(members, member, "phone") == [201]

    assert await bind(members, member) == (200, {"phone": hidden(phone)})
    me = (await members.as_member(member).get("member", "/me")).json()
    assert me["phone"] == hidden(phone)
    assert [(each["purpose"], each["version"]) for each in me["consents"]] == [
        ("privacy", VERSION),
        ("phone", VERSION),
    ]
    assert await members.announced(member, PhoneBound) == [
        {"member_id": str(member.member_id), "bound_at": "2026-03-02T04:00:00Z"}
    ]


async def test_a_phone_code_is_good_once(members: Members) -> None:
    member = await members.join(phone=a_phone())
    await agree(members, member, "privacy", "phone")
    body = {"code": await members.shop.wechat.phone_code(member.openid)}
    caller = members.as_member(member)

    answers = [await caller.post("member", "/me/phone", body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["type"] == "/problems/member/phone-code-refused"


async def test_a_login_code_is_no_phone_code(members: Members) -> None:
    member = await members.join(phone=a_phone())
    await agree(members, member, "privacy", "phone")
    body = {"code": await members.shop.wechat.login_code(member.openid)}

    answer = await members.as_member(member).post("member", "/me/phone", body)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/member/phone-code-refused")
    assert (await members.as_member(member).get("member", "/me")).json()["phone"] is None


async def test_a_phone_belongs_to_one_member_even_when_two_bind_it_at_once(members: Members) -> None:
    phone = a_phone()
    people = [await members.join(phone=phone) for _ in range(4)]
    for member in people:
        await agree(members, member, "privacy", "phone")

    answers = await asyncio.gather(*(bind(members, member) for member in people))

    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert {body["type"] for status, body in answers if status == 409} == {"/problems/member/phone-taken"}
    announced = [len(await members.announced(member, PhoneBound)) for member in people]
    assert sorted(announced) == [0, 0, 0, 1]


async def test_binding_the_same_phone_again_announces_nothing_new(members: Members) -> None:
    phone = a_phone()
    member = await members.join(phone=phone)
    await agree(members, member, "privacy", "phone")

    answers = [await bind(members, member) for _ in range(2)]

    assert answers == [(200, {"phone": hidden(phone)})] * 2
    assert len(await members.announced(member, PhoneBound)) == 1


async def test_withdrawing_the_phone_consent_deletes_the_phone_and_frees_it(members: Members) -> None:
    phone = a_phone()
    member, other = await members.join(phone=phone), await members.join(phone=phone)
    for each in (member, other):
        await agree(members, each, "privacy", "phone")
    assert (await bind(members, member))[0] == 200
    caller = members.as_member(member)

    answers = [await caller.delete("member", "/me/consents/phone") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    me = (await caller.get("member", "/me")).json()
    assert (me["phone"], [each["purpose"] for each in me["consents"]]) == (None, ["privacy"])
    assert await log_of(members, member) == [
        ("privacy", "given", VERSION),
        ("phone", "given", VERSION),
        ("phone", "withdrawn", VERSION),
    ]
    assert (await bind(members, member))[0] == 403
    assert (await bind(members, other))[0] == 200


async def test_withdrawing_the_privacy_consent_takes_the_phone_consent_along(members: Members) -> None:
    member = await members.join(phone=a_phone())
    await agree(members, member, "privacy", "phone")
    await bind(members, member)

    await members.as_member(member).delete("member", "/me/consents/privacy")

    me = (await members.as_member(member).get("member", "/me")).json()
    assert (me["phone"], me["consents"]) == (None, [])
    assert sorted((await log_of(members, member))[2:]) == [
        ("phone", "withdrawn", VERSION),
        ("privacy", "withdrawn", VERSION),
    ]


async def test_consent_given_twice_is_logged_once(members: Members) -> None:
    member = await members.join()

    answers = await asyncio.gather(*(agree(members, member, "privacy") for _ in range(4)))

    assert answers == [[201]] * 4
    assert await log_of(members, member) == [("privacy", "given", VERSION)]


async def test_consent_to_a_version_that_is_not_in_force_is_refused(members: Members) -> None:
    member = await members.join()
    caller = members.as_member(member)

    answer = await caller.post("member", "/me/consents", {"purpose": "privacy", "version": "2019-01"})

    assert (answer.status_code, answer.json()["version"]) == (409, VERSION)
    assert await log_of(members, member) == []


async def test_a_new_agreement_asks_for_consent_again(members: Members) -> None:
    member = await members.join(phone=a_phone())
    await agree(members, member, "privacy", "phone")
    tomorrow = AT + timedelta(days=1)
    await members.execute(
        "INSERT INTO privacy_agreements (version, title, body, effective_at)"
        " VALUES ('2026-02', '隐私政策', '新版', :at) ON CONFLICT DO NOTHING",
        at=tomorrow,
    )
    assert (await bind(members, member))[0] == 200

    members.clock.set(tomorrow)
    status, refused = await bind(members, member)
    assert (status, refused["purpose"], refused["version"]) == (403, "privacy", "2026-02")
    assert await agree(members, member, "privacy", "phone") == [409, 409]
    assert await agree(members, member, "privacy", "phone", version="2026-02") == [201, 201]
    assert (await bind(members, member))[0] == 200


@pytest.mark.parametrize("table", ["consents", "points_transfers", "growth_entries", "order_refunds"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET member_id = member_id"])
async def test_the_service_itself_cannot_rewrite_its_journals(
    members: Members, table: str, statement: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        await members.execute(
            statement.format(table).replace("member_id", _ANY_COLUMN.get(table, "member_id"))
        )


_ANY_COLUMN = {"order_refunds": "order_id"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purpose": "marketing", "version": VERSION},
        {"purpose": "privacy"},
        {"purpose": "privacy", "version": None},
        {"purpose": "privacy", "version": VERSION, "member_id": "x"},
        {"purpose": ["privacy"], "version": VERSION},
    ],
)
async def test_hostile_consents_are_malformed_and_logged_nowhere(members: Members, body: object) -> None:
    member = await members.join()

    answer = await members.as_member(member).post("member", "/me/consents", body)

    assert answer.status_code == 422
    assert await log_of(members, member) == []


async def test_when_wechat_is_busy_no_phone_is_bound_and_a_new_code_works(members: Members) -> None:
    phone = a_phone()
    member = await members.join(phone=phone)
    await agree(members, member, "privacy", "phone")
    busy = {"match": {"api": "phone"}, "action": {"kind": "errcode", "errcode": -1}}
    await members.shop.wechat.faults(busy)

    status, problem = await bind(members, member)

    assert (status, problem["type"]) == (503, "/problems/busy")
    assert (await members.as_member(member).get("member", "/me")).json()["phone"] is None
    assert await bind(members, member) == (200, {"phone": hidden(phone)})
