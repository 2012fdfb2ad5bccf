"""Shipping management: rules, re-shipping, states by the clock (wechat.md 4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulator.support import Json, Merchant

UPLOAD = "/wxa/sec/order/upload_shipping_info"


async def test_a_paid_order_is_shipped(merchant: Merchant) -> None:
    number = await shippable(merchant)
    unshipped = await order(merchant, number)
    assert unshipped["order_state"] == 1
    assert (unshipped["shipping"]["finish_shipping"], unshipped["shipping"]["finish_shipping_count"]) == (
        False,
        0,
    )
    assert await upload(merchant, number) == 0
    shown = await order(merchant, number)
    assert shown["order_state"] == 2
    assert shown["paid_amount"] == 9980
    assert shown["openid"] == merchant.openid
    assert shown["shipping"]["finish_shipping_count"] == 1
    assert shown["shipping"]["shipping_list"][0]["tracking_no"] == "SF1234567890"
    by_id = {"transaction_id": shown["transaction_id"]}
    assert (await merchant.mini("/wxa/sec/order/get_order", by_id))["order"] == shown


async def test_shipping_knows_a_payment_some_seconds_later_and_an_unpaid_order_never(
    merchant: Merchant,
) -> None:
    await merchant.simulator.control("PUT", "/rules", {"shipping_known_after_seconds": 30})
    number = await merchant.paid()
    unpaid, _ = await merchant.prepay()
    assert await upload(merchant, number) == 10060001
    await merchant.simulator.advance(30)
    assert await upload(merchant, number) == 0
    assert await upload(merchant, unpaid) == 10060001


async def test_every_broken_rule_has_its_errcode(merchant: Merchant) -> None:
    number = await shippable(merchant)
    key = {"order_number_type": 1, "mchid": merchant.mchid, "out_trade_no": number}
    parcel = report(merchant, number)["shipping_list"][0]
    ztoes = [{**parcel, "express_company": "ZTO"}]
    cases: list[tuple[Json, int]] = [
        ({"order_key": {**key, "order_number_type": 3}}, 268485194),
        ({"order_key": {"order_number_type": 2}}, 268485195),
        ({"order_key": {**key, "mchid": "1"}}, 268485196),
        ({"order_key": {**key, "out_trade_no": None}}, 268485197),
        ({"logistics_type": 9}, 10060005),
        ({"delivery_mode": 3}, 268485224),
        ({"delivery_mode": 2, "logistics_type": 2}, 10060006),
        ({"delivery_mode": 2}, 10060007),
        ({"shipping_list": []}, 268485228),
        ({"shipping_list": [parcel, parcel]}, 268485228),
        ({"delivery_mode": 2, "is_all_delivered": True, "shipping_list": ztoes * 16}, 10060024),
        ({"shipping_list": [{**parcel, "item_desc": ""}]}, 10060008),
        ({"shipping_list": [{**parcel, "item_desc": "长" * 121}]}, 10060009),
        ({"shipping_list": [{**parcel, "tracking_no": ""}]}, 268485226),
        ({"shipping_list": [{**parcel, "express_company": ""}]}, 268485227),
        ({"shipping_list": [{**parcel, "express_company": "X" * 129}]}, 10060025),
        ({"shipping_list": [{**parcel, "tracking_no": "X" * 129}]}, 10060026),
        ({"shipping_list": [{**parcel, "express_company": "NOBODY"}]}, 10060014),
        ({"shipping_list": [{**parcel, "contact": {}}]}, 10060014),
        ({"upload_time": "2026-01-02T18:00:00+08:00"}, 268485216),
        ({"payer": {}}, 10060014),
        ({"payer": {"openid": "oNobody"}}, 10060031),
    ]
    for changes, expected in cases:
        assert await upload(merchant, number, **changes) == expected, changes
    answer = await merchant.client.post(UPLOAD, params={"access_token": merchant.token}, content=b"no json")
    assert answer.json()["errcode"] == 47001
    assert (await order(merchant, number))["order_state"] == 1


async def test_what_was_shipped_may_be_replaced_once(merchant: Merchant) -> None:
    number = await shippable(merchant)
    first, second, third = (
        report(merchant, number, at=at, tracking=f"SF00{at}")  # each a second later
        for at in (0, 1, 2)
    )
    assert await post(merchant, first) == 0
    assert await post(merchant, first) == 10060023, "a repeat after a lost answer"
    assert await post(merchant, {**second, "upload_time": first["upload_time"]}) == 10060014
    assert await post(merchant, second) == 0
    assert await post(merchant, third) == 10060003
    shown = (await order(merchant, number))["shipping"]
    assert shown["finish_shipping_count"] == 2
    assert shown["shipping_list"][0]["tracking_no"] == "SF001"


async def test_parcels_of_a_split_order_are_no_re_shipping(merchant: Merchant) -> None:
    number = await shippable(merchant)
    for at in range(3):
        split = {"delivery_mode": 2, "is_all_delivered": at == 2}
        assert await post(merchant, report(merchant, number, at=at, tracking=f"SF{at}") | split) == 0
        assert (await order(merchant, number))["order_state"] == (2 if at == 2 else 1)
    shown = (await order(merchant, number))["shipping"]
    assert [parcel["tracking_no"] for parcel in shown["shipping_list"]] == ["SF0", "SF1", "SF2"]
    assert shown["finish_shipping_count"] == 1


async def test_virtual_goods_need_no_parcel_and_confirm_themselves_after_two_days(merchant: Merchant) -> None:
    number = await shippable(merchant)
    virtual = {"logistics_type": 3, "shipping_list": [{"item_desc": "会员月卡"}]}
    assert await upload(merchant, number, **virtual) == 0
    await merchant.simulator.advance(2 * 86_400 - 60)
    merchant.token = ""
    assert (await order(merchant, number))["order_state"] == 2
    await merchant.simulator.advance(61)
    assert (await order(merchant, number))["order_state"] == 3
    await merchant.simulator.advance(10)
    assert (await order(merchant, number))["order_state"] == 4
    assert await upload(merchant, number) == 10060002


async def test_the_user_may_confirm_the_receipt(merchant: Merchant) -> None:
    number = await shippable(merchant)
    path = f"/payments/{number}/confirm-receipt"
    assert (await merchant.simulator.refused("POST", path)).status_code == 409
    await upload(merchant, number)
    shown = await merchant.simulator.control("POST", path)
    assert shown["shipping"]["confirmed_at"] is not None
    assert (await order(merchant, number))["order_state"] == 3


async def test_a_wholly_refunded_order_cannot_be_shipped(merchant: Merchant) -> None:
    number = await shippable(merchant)
    whole = {"refund": 9980, "total": 9980, "currency": "CNY"}
    await merchant.refund(merchant.refund_of(number, amount=whole))
    assert await upload(merchant, number) == 10060004
    assert (await order(merchant, number))["order_state"] == 5


async def test_management_and_companies_can_be_asked_for(merchant: Merchant) -> None:
    asked = "/wxa/sec/order/is_trade_managed"
    assert (await merchant.mini(asked, {"appid": merchant.appid}))["is_trade_managed"] is True
    assert (await merchant.mini(asked, {}))["errcode"] == 40097
    assert (await merchant.mini(asked, {"appid": "wx0"}))["errcode"] == 40013
    answer = await merchant.mini("/cgi-bin/express/delivery/open_msg/get_delivery_list", {})
    assert {"delivery_id": "SF", "delivery_name": "顺丰速运"} in answer["delivery_list"]


async def shippable(merchant: Merchant) -> str:
    number = await merchant.paid()
    await merchant.simulator.advance(1)
    return number


def report(merchant: Merchant, number: str, *, at: int = 0, tracking: str = "SF1234567890") -> Json:
    upload_time = (datetime.now(UTC) + timedelta(seconds=at)).isoformat(timespec="milliseconds")
    return {
        "order_key": {"order_number_type": 1, "mchid": merchant.mchid, "out_trade_no": number},
        "logistics_type": 1,
        "delivery_mode": 1,
        "shipping_list": [
            {
                "tracking_no": tracking,
                "express_company": "SF",
                "item_desc": "云南小粒咖啡豆 250g×2",
                "contact": {"receiver_contact": "+86-138****8000"},
            }
        ],
        "upload_time": upload_time,
        "payer": {"openid": merchant.openid},
    }


async def upload(merchant: Merchant, number: str, **changes: Any) -> int:
    return await post(merchant, {**report(merchant, number), **changes})


async def post(merchant: Merchant, content: Json) -> int:
    return int((await merchant.mini(UPLOAD, content))["errcode"])


async def order(merchant: Merchant, number: str) -> Json:
    asked = {"merchant_id": merchant.mchid, "merchant_trade_no": number}
    answer = await merchant.mini("/wxa/sec/order/get_order", asked)
    assert answer["errcode"] == 0, answer
    return answer["order"]  # type: ignore[no-any-return]
