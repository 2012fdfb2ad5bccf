"""The address book: sealed, finite, with one default, and nobody else's business (LG-03, SEC9, SEC11)."""

import asyncio
import json
from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.member.people import Member, Members

HOME = {
    "recipient": "王小明",
    "phone": "13800138000",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "street": "文三路 138 号 3 幢 201",
    "postal_code": "310012",
}
CHOSEN = {
    "errMsg": "chooseAddress:ok",
    "userName": "张三",
    "postalCode": "510000",
    "provinceName": "广东省",
    "cityName": "广州市",
    "countyName": "海珠区",
    "streetName": "新港中路",
    "detailInfo": "新港中路397号",
    "detailInfoNew": "397号",
    "nationalCode": "510105",
    "nationalCodeFull": "510105001",
    "telNumber": "020-81167888",
}


async def add(members: Members, member: Member, **changes: Any) -> dict[str, Any]:
    answer = await members.as_member(member).post("member", "/me/addresses", HOME | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def book(members: Members, member: Member) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await members.as_member(member).get("member", "/me/addresses")).json()[
        "items"
    ]
    return items


async def test_the_first_address_is_the_default_and_the_second_is_not(members: Members) -> None:
    member = await members.join()

    first, second = (
        await add(members, member),
        await add(members, member, street="文二路 2 号", postal_code=None),
    )

    assert first == HOME | {"address_id": first["address_id"], "is_default": True}
    assert (second["is_default"], second["postal_code"]) == (False, None)
    assert await book(members, member) == [first, second]


async def test_an_address_chosen_in_wechat_is_imported_as_it_came(members: Members) -> None:
    member = await members.join()

    answer = await members.as_member(member).post("member", "/me/addresses", CHOSEN)

    assert (answer.status_code, answer.json()) == (
        201,
        {
            "address_id": answer.json()["address_id"],
            "recipient": "张三",
            "phone": "020-81167888",
            "province": "广东省",
            "city": "广州市",
            "district": "海珠区",
            "street": "新港中路397号",
            "postal_code": "510000",
            "is_default": True,
        },
    )


async def test_only_the_named_fields_change(members: Members) -> None:
    member = await members.join()
    before = await add(members, member)

    answer = await members.as_member(member).patch(
        "member", f"/me/addresses/{before['address_id']}", {"recipient": "李雷", "postal_code": None}
    )

    after = before | {"recipient": "李雷", "postal_code": None}
    assert (answer.status_code, answer.json()) == (200, after)
    assert await book(members, member) == [after]


async def test_there_is_one_default_however_many_ask_at_once(members: Members) -> None:
    member = await members.join()
    ids = [(await add(members, member))["address_id"] for _ in range(5)]
    caller = members.as_member(member)

    answers = await asyncio.gather(
        *(caller.post("member", f"/me/addresses/{address_id}/default") for address_id in ids * 2)
    )

    assert [(answer.status_code, answer.json()["is_default"]) for answer in answers] == [(200, True)] * 10
    assert [address["is_default"] for address in await book(members, member)] == [True] + [False] * 4


async def test_when_the_default_goes_the_newest_left_becomes_it(members: Members) -> None:
    member = await members.join()
    first, _, newest = [await add(members, member, street=f"街 {number} 号") for number in range(3)]

    answer = await members.as_member(member).delete("member", f"/me/addresses/{first['address_id']}")

    assert answer.status_code == 204
    left = await book(members, member)
    assert [each["is_default"] for each in left] == [True, False]
    assert left[0]["address_id"] == newest["address_id"]


async def test_twenty_addresses_fill_the_book_even_when_all_come_at_once(members: Members) -> None:
    member = await members.join()
    caller = members.as_member(member)

    answers = await asyncio.gather(*(caller.post("member", "/me/addresses", HOME) for _ in range(24)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (20, 4)
    kept = await book(members, member)
    assert (len(kept), sum(each["is_default"] for each in kept)) == (20, 1)
    await caller.delete("member", f"/me/addresses/{kept[3]['address_id']}")
    assert (await caller.post("member", "/me/addresses", HOME)).status_code == 201


async def test_foreign_and_missing_addresses_are_not_found_and_stay_as_they_were(members: Members) -> None:
    owner, stranger = await members.join(), await members.join()
    mine = await add(members, owner)
    caller = members.as_member(stranger)

    for address_id in (mine["address_id"], str(new_id())):
        path = f"/me/addresses/{address_id}"
        answers = [
            await caller.patch("member", path, {"recipient": "贼"}),
            await caller.delete("member", path),
            await caller.post("member", f"{path}/default"),
            await members.as_service("order").get(
                "member", f"/internal/members/{stranger.member_id}/addresses/{address_id}"
            ),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
    assert await book(members, owner) == [mine]
    assert await book(members, stranger) == []


async def test_the_order_service_alone_reads_an_address_in_full(members: Members) -> None:
    member = await members.join()
    address_id = (await add(members, member))["address_id"]
    path = f"/internal/members/{member.member_id}/addresses/{address_id}"

    answer = await members.as_service("order").get("member", path)

    assert (answer.status_code, answer.json()) == (200, HOME | {"address_id": address_id})
    for other in ("gateway", "campaign", "payment"):
        assert (await members.as_service(other).get("member", path)).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": ""},
        {"recipient": "   "},
        {"recipient": "\u200b\u202e"},
        {"recipient": None},
        {"recipient": 1},
        {"recipient": "长" * 51},
        {"phone": "１３８００１３８０００"},
        {"phone": "138 0013 8000; DROP"},
        {"phone": 13800138000},
        {"phone": "1" * 30},
        {"street": {"$ne": ""}},
        {"street": "\ud800"},
        {"postal_code": "=1+1"},
        {"is_default": True},
        {"member_id": str(new_id())},
        {"userName": "张三"},
    ],
)
async def test_hostile_addresses_are_malformed_and_change_nothing(
    members: Members, changes: dict[str, Any]
) -> None:
    member = await members.join()
    before = await add(members, member)
    caller = members.as_member(member)
    headers = {"content-type": "application/json"}

    added = await caller.request(
        "member", "POST", "/me/addresses", content=json.dumps(HOME | changes), headers=headers
    )
    changed = await caller.request(
        "member",
        "PATCH",
        f"/me/addresses/{before['address_id']}",
        content=json.dumps(changes),
        headers=headers,
    )

    assert (added.status_code, changed.status_code) == (422, 422)
    assert await book(members, member) == [before]


async def test_a_visitor_has_no_address_book(members: Members) -> None:
    answer = await members.shop.as_anonymous().get("member", "/me/addresses")

    assert answer.status_code == 401
