"""Prepay, payment, query and close as wechat.md 5.6 to 5.8 say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.simulator.support import Merchant, Simulator

JSAPI = "/v3/pay/transactions/jsapi"


async def test_an_order_is_prepared_paid_and_queried_in_both_forms(merchant: Merchant) -> None:
    order = merchant.order()
    number = order["out_trade_no"]
    prepared = await merchant.call("POST", JSAPI, order)
    assert prepared.status_code == 200
    assert merchant.signed_by_public_key(prepared)
    unpaid = await merchant.query(number)
    assert unpaid.json() == {
        "appid": merchant.appid,
        "mchid": merchant.mchid,
        "out_trade_no": number,
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
        "promotion_detail": [],
        "attach": "shop=7",
        "amount": {"total": 9980, "currency": "CNY"},
        "payer": {},
    }
    told = await merchant.pay(number, prepared.json()["prepay_id"])
    by_number = await merchant.query(number)
    by_id = await merchant.call(
        "GET", f"/v3/pay/transactions/id/{told['transaction_id']}?mchid={merchant.mchid}"
    )
    assert merchant.signed_by_public_key(by_number)
    assert merchant.signed_by_public_key(by_id)
    assert by_number.json() == by_id.json() == told
    assert told["trade_state"] == "SUCCESS"
    assert told["amount"] == {
        "total": 9980,
        "payer_total": 9980,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    assert told["payer"] == {"openid": merchant.openid}
    assert len(told["transaction_id"]) == 28


async def test_a_coupon_lowers_what_the_payer_pays_but_not_the_total(merchant: Merchant) -> None:
    number = await merchant.paid(coupon_fen=500)
    told = (await merchant.query(number)).json()
    assert told["amount"]["total"] == 9980
    assert told["amount"]["payer_total"] == 9480
    assert [coupon["amount"] for coupon in told["promotion_detail"]] == [500]


WRONG_FIELDS: list[tuple[dict[str, Any], str, int]] = [
    ({"amount": {"total": 0}}, "/amount/total", 268435464),
    ({"amount": {"total": "1"}}, "/amount/total", 268435461),
    ({"amount": {"total": 1, "currency": "USD"}}, "/amount/currency", 268435461),
    ({"out_trade_no": "short"}, "/out_trade_no", 268435461),
    ({"out_trade_no": "has space 1"}, "/out_trade_no", 268435461),
    ({"description": "长" * 128}, "/description", 268435464),
    ({"attach": "长" * 129}, "/attach", 268435464),
    ({"notify_url": "https://shop.example.com/notify?x=1"}, "/notify_url", 268435461),
    ({"notify_url": "/notify"}, "/notify_url", 268435461),
    ({"time_expire": "2026-01-02 10:00:00"}, "/time_expire", 268435461),
    ({"surprise": 1}, "/surprise", 270924358),
    ({"payer": {"openid": "oNobody"}}, "/payer/openid", 268501013),
    ({"mchid": "1900000109"}, "/mchid", 268435461),
]


async def test_a_wrong_field_is_named(merchant: Merchant) -> None:
    for changes, field, inner in WRONG_FIELDS:
        answer = await merchant.call("POST", JSAPI, merchant.order(**changes))
        assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")
        assert answer.json()["detail"]["field"] == field
        assert answer.headers["Request-ID"].endswith(f"-{inner}")
        assert not any(name.startswith("wechatpay-") for name in answer.headers)
    assert (await merchant.simulator.control("GET", "/payments"))["items"] == []


async def test_a_foreign_appid_does_not_match(merchant: Merchant) -> None:
    answer = await merchant.call("POST", JSAPI, merchant.order(appid="wx0000000000000000"))
    assert (answer.status_code, answer.json()["code"]) == (400, "APPID_MCHID_NOT_MATCH")


async def test_the_same_order_again_gives_a_usable_prepay_id_and_another_one_is_refused(
    merchant: Merchant,
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat(timespec="seconds")
    later = (datetime.now(UTC) + timedelta(minutes=90)).isoformat(timespec="seconds")
    order = merchant.order(time_expire=soon)
    await merchant.call("POST", JSAPI, order)
    again = await merchant.call("POST", JSAPI, {**order, "time_expire": later})
    assert again.status_code == 200
    other = await merchant.call("POST", JSAPI, {**order, "amount": {"total": 1, "currency": "CNY"}})
    assert (other.status_code, other.json()["code"]) == (403, "OUT_TRADE_NO_USED")
    shown = await merchant.simulator.control("GET", f"/payments/{order['out_trade_no']}")
    assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromisoformat(soon)
    told = await merchant.pay(order["out_trade_no"], again.json()["prepay_id"])
    assert told["amount"]["total"] == 9980


async def test_a_paid_order_can_neither_be_prepared_closed_nor_paid_again(merchant: Merchant) -> None:
    order = merchant.order()
    prepared = await merchant.call("POST", JSAPI, order)
    number, prepay_id = order["out_trade_no"], prepared.json()["prepay_id"]
    await merchant.pay(number, prepay_id)
    again = await merchant.call("POST", JSAPI, order)
    assert (again.status_code, again.json()["code"]) == (400, "ORDERPAID")
    assert again.headers["Request-ID"].endswith("-268498689")
    closed = await close(merchant, number)
    assert (closed.status_code, closed.json()["code"]) == (400, "ORDERPAID")
    twice = await merchant.simulator.refused(
        "POST", f"/payments/{number}/pay", {"request_payment": merchant.request_payment(prepay_id)}
    )
    assert (twice.status_code, twice.json()["error"]) == (409, "paid")
    assert (await merchant.query(number)).json()["trade_state"] == "SUCCESS"


async def test_a_closed_order_stays_closed_even_for_an_open_cashier(merchant: Merchant) -> None:
    order = merchant.order()
    prepared = await merchant.call("POST", JSAPI, order)
    number = order["out_trade_no"]
    for _ in range(2):
        closed = await close(merchant, number)
        assert (closed.status_code, closed.content) == (204, b"")
        assert merchant.signed_by_public_key(closed)
    late = await merchant.simulator.refused("POST", f"/payments/{number}/pay", {"late": True})
    assert (late.status_code, late.json()["error"]) == (409, "closed")
    again = await merchant.call("POST", JSAPI, order)
    assert (again.status_code, again.json()["code"]) == (400, "ORDER_CLOSED")
    assert prepared.status_code == 200
    assert (await merchant.query(number)).json()["trade_state"] == "CLOSED"


async def test_an_unknown_order_is_not_found(merchant: Merchant) -> None:
    answer = await merchant.query("NOSUCHORDER")
    assert (answer.status_code, answer.json()["code"]) == (404, "ORDER_NOT_EXIST")
    assert answer.headers["Request-ID"].endswith("-268512771")
    by_id = await merchant.call("GET", f"/v3/pay/transactions/id/42000?mchid={merchant.mchid}")
    assert by_id.status_code == 404
    assert (await close(merchant, "NOSUCHORDER")).status_code == 404


async def test_a_new_order_may_stay_unknown_to_queries_for_a_while(merchant: Merchant) -> None:
    await merchant.simulator.control("PUT", "/rules", {"order_known_after_seconds": 60})
    number, _ = await merchant.prepay()
    assert (await merchant.query(number)).status_code == 404
    await merchant.simulator.advance(60)
    assert (await merchant.query(number)).status_code == 200


async def test_a_query_without_or_with_a_foreign_mchid_is_refused(merchant: Merchant) -> None:
    number, _ = await merchant.prepay()
    for query in ("", "?mchid=1900000109"):
        answer = await merchant.call("GET", f"/v3/pay/transactions/out-trade-no/{number}{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")


async def test_after_time_expire_only_an_open_cashier_can_still_pay(merchant: Merchant) -> None:
    in_ten_seconds = (datetime.now(UTC) + timedelta(seconds=10)).isoformat(timespec="seconds")
    number, prepay_id = await merchant.prepay(time_expire=in_ten_seconds)
    await merchant.simulator.advance(50)
    assert not (await merchant.simulator.control("GET", f"/payments/{number}"))["expired"], (
        "raised to a minute"
    )
    await merchant.simulator.advance(15)
    asked = {"request_payment": merchant.request_payment(prepay_id)}
    refused = await merchant.simulator.refused("POST", f"/payments/{number}/pay", asked)
    assert (refused.status_code, refused.json()["error"]) == (409, "expired")
    assert (await merchant.query(number)).json()["trade_state"] == "NOTPAY"
    told = await merchant.simulator.control("POST", f"/payments/{number}/pay", {"late": True})
    assert told["trade_state"] == "SUCCESS"


async def test_an_unpaid_order_closes_after_seven_days(merchant: Merchant) -> None:
    number, _ = await merchant.prepay()
    await merchant.simulator.control(
        "PUT", "/clock", {"advance_seconds": 7 * 86_400 - 60, "signatures": "system"}
    )
    assert (await merchant.query(number)).json()["trade_state"] == "NOTPAY"
    await merchant.simulator.advance(61)
    assert (await merchant.query(number)).json()["trade_state"] == "CLOSED"


async def test_a_prepay_id_opens_the_cashier_for_two_hours(merchant: Merchant) -> None:
    number, prepay_id = await merchant.prepay()
    await merchant.simulator.advance(2 * 3600 + 1)
    asked = {"request_payment": merchant.request_payment(prepay_id)}
    refused = await merchant.simulator.refused("POST", f"/payments/{number}/pay", asked)
    assert (refused.status_code, refused.json()["error"]) == (409, "prepay_age")
    button = await merchant.simulator.refused("POST", f"/payments/{number}/confirm")
    assert (button.status_code, button.json()["error"]) == (409, "prepay_age")


async def test_the_client_refuses_what_the_shop_signed_wrongly(merchant: Merchant) -> None:
    number, prepay_id = await merchant.prepay()
    other_number, _ = await merchant.prepay()
    right = merchant.request_payment(prepay_id)
    wrong = [
        ({**right, "nonceStr": "other"}, number, None, "pay_sign"),
        ({**right, "signType": "MD5"}, number, None, "pay_sign"),
        (right, other_number, None, "prepay_id"),
        (merchant.request_payment("wx00"), number, None, "prepay_id"),
        (right, number, "oSomebodyElse", "payer"),
    ]
    for asked, target, openid, reason in wrong:
        content = {"request_payment": asked, "openid": openid}
        refused = await merchant.simulator.refused("POST", f"/payments/{target}/pay", content)
        assert (refused.status_code, refused.json()["error"]) == (409, reason)
    assert (await merchant.query(number)).json()["trade_state"] == "NOTPAY"


async def test_a_user_who_leaves_the_cashier_may_come_back(merchant: Merchant) -> None:
    number, _ = await merchant.prepay()
    left = await merchant.simulator.control("POST", f"/payments/{number}/decline")
    assert left == {"errMsg": "requestPayment:fail cancel"}
    assert (await merchant.query(number)).json()["trade_state"] == "NOTPAY"
    assert merchant.shop.received == []
    told = await merchant.simulator.control("POST", f"/payments/{number}/confirm")
    assert told["trade_state"] == "SUCCESS"


async def test_a_restricted_merchant_cannot_collect(merchant: Merchant, simulator: Simulator) -> None:
    await simulator.control("PUT", "/rules", {"collection_restricted": True})
    answer = await merchant.call("POST", JSAPI, merchant.order())
    assert (answer.status_code, answer.json()["code"]) == (403, "NO_AUTH")


async def close(merchant: Merchant, number: str) -> httpx.Response:
    return await merchant.call(
        "POST", f"/v3/pay/transactions/out-trade-no/{number}/close", {"mchid": merchant.mchid}
    )
