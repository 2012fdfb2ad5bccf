"""Every fault bites as it says, so often as it says, and leaves the effect that it says."""

import time
from typing import Any

import httpx
import pytest

from tests.simulator.support import Json, Merchant, Simulator

PREPAY = {"api": "prepay"}


async def known(merchant: Merchant, number: str) -> bool:
    return (await merchant.simulator.refused("GET", f"/payments/{number}")).status_code == 200


async def order(merchant: Merchant) -> tuple[str, httpx.Response]:
    content = merchant.order()
    return content["out_trade_no"], await merchant.call("POST", "/v3/pay/transactions/jsapi", content)


@pytest.mark.parametrize("effect", [False, True])
async def test_an_error_comes_with_or_without_the_effect(merchant: Merchant, effect: bool) -> None:
    for status, code in ((429, "FREQUENCY_LIMITED"), (500, "SYSTEM_ERROR"), (403, "NO_AUTH")):
        await merchant.simulator.fault(PREPAY, {"kind": "error", "status": status, "effect": effect})
        number, answer = await order(merchant)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "wechatpay-signature" not in answer.headers
        assert await known(merchant, number) is effect
        assert await merchant.simulator.bitten() == 1
        assert (await order(merchant))[1].status_code == 200, "it bites once"


async def test_a_bad_gateway_speaks_no_json(merchant: Merchant) -> None:
    await merchant.simulator.fault(PREPAY, {"kind": "error", "status": 502})
    _, answer = await order(merchant)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("effect", [False, True])
async def test_a_connection_is_reset_before_or_after_the_effect(merchant: Merchant, effect: bool) -> None:
    await merchant.simulator.fault(PREPAY, {"kind": "reset", "effect": effect})
    content = merchant.order()
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await merchant.call("POST", "/v3/pay/transactions/jsapi", content)
    assert await known(merchant, content["out_trade_no"]) is effect


@pytest.mark.parametrize("effect", [False, True])
async def test_a_call_hangs_before_or_after_the_effect(merchant: Merchant, effect: bool) -> None:
    await merchant.simulator.fault(PREPAY, {"kind": "hang", "effect": effect})
    merchant.client.timeout = httpx.Timeout(0.3)
    content = merchant.order()
    with pytest.raises(httpx.ReadTimeout):
        await merchant.call("POST", "/v3/pay/transactions/jsapi", content)
    assert await known(merchant, content["out_trade_no"]) is effect


@pytest.mark.parametrize("effect", [False, True])
async def test_an_answer_may_be_slow(merchant: Merchant, effect: bool) -> None:
    await merchant.simulator.fault(PREPAY, {"kind": "delay", "seconds": 0.4, "effect": effect})
    started = time.monotonic()
    number, answer = await order(merchant)
    assert time.monotonic() - started >= 0.4
    assert answer.status_code == 200
    assert await known(merchant, number)


SEALS: list[tuple[str, Any]] = [
    ("bad_signature", lambda m, a: not m.verifies(dict(a.headers), a.content)),
    ("missing_signature", lambda m, a: "wechatpay-signature" not in a.headers),
    ("probe_signature", lambda m, a: a.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")),
    ("wrong_serial", lambda m, a: a.headers["wechatpay-serial"] != m.public_key_id),
    ("stale_timestamp", lambda m, a: int(a.headers["wechatpay-timestamp"]) < time.time() - 86_000),
    ("foreign_key", lambda m, a: not m.verifies(dict(a.headers), a.content)),
]


async def test_an_answer_may_be_signed_wrongly_after_the_effect(merchant: Merchant) -> None:
    for kind, wrong in SEALS:
        await merchant.simulator.fault(PREPAY, {"kind": kind})
        number, answer = await order(merchant)
        assert answer.status_code == 200
        assert wrong(merchant, answer), kind
        assert await known(merchant, number)
        assert merchant.signed_by_public_key((await order(merchant))[1])


async def test_an_answer_may_end_in_the_middle(merchant: Merchant) -> None:
    await merchant.simulator.fault(PREPAY, {"kind": "truncated"})
    content = merchant.order()
    with pytest.raises(httpx.RemoteProtocolError):
        await merchant.call("POST", "/v3/pay/transactions/jsapi", content)
    assert await known(merchant, content["out_trade_no"])


async def test_a_rule_bites_only_what_it_names_and_so_often_as_it_says(merchant: Merchant) -> None:
    one, other = await merchant.paid(), await merchant.paid()
    refund = merchant.refund_of(one)
    await merchant.refund(refund)
    error = {"kind": "error", "status": 500}
    await merchant.simulator.fault({"api": "query", "out_trade_no": one}, error, times=2)
    statuses = [(await merchant.query(number)).status_code for number in (other, one, one, one)]
    assert statuses == [200, 500, 500, 200]
    await merchant.simulator.fault({"api": "refund_query", "out_trade_no": one}, error)
    path = f"/v3/refund/domestic/refunds/{refund['out_refund_no']}"
    assert [(await merchant.call("GET", path)).status_code for _ in range(2)] == [500, 200]
    rules = (await merchant.simulator.control("GET", "/faults"))["rules"]
    assert [(rule["times"], rule["bitten"]) for rule in rules] == [(1, 1)]


async def test_one_address_may_be_dead_while_the_other_lives(merchant: Merchant) -> None:
    dead = f"127.0.0.1:{merchant.simulator.port}"
    await merchant.simulator.fault({"api": "prepay", "host": dead}, {"kind": "reset"}, times=9)
    with pytest.raises(httpx.TransportError):
        await order(merchant)
    merchant.client.base_url = httpx.URL(f"http://localhost:{merchant.simulator.port}")
    assert (await order(merchant))[1].status_code == 200


async def test_mini_program_calls_fail_by_errcode(merchant: Merchant, simulator: Simulator) -> None:
    calls = {
        "login": "/sns/jscode2session",
        "token": "/cgi-bin/token",
        "phone": "/wxa/business/getuserphonenumber",
        "message": "/cgi-bin/message/subscribe/send",
        "shipping": "/wxa/sec/order/upload_shipping_info",
        "shipping_query": "/wxa/sec/order/get_order",
        "trade_managed": "/wxa/sec/order/is_trade_managed",
    }
    for api, path in calls.items():
        await simulator.fault({"api": api}, {"kind": "errcode", "errcode": -1})
        method = "GET" if api in ("login", "token") else "POST"
        answer = await merchant.client.request(method, path, json={})
        assert (answer.status_code, answer.json()["errcode"]) == (200, -1), api
        assert await simulator.bitten() == 1


async def test_a_login_code_may_be_spent_by_a_lost_answer(merchant: Merchant, simulator: Simulator) -> None:
    code = (await simulator.control("POST", "/login-codes", {"openid": merchant.openid}))["code"]
    await simulator.fault({"api": "login"}, {"kind": "reset", "effect": True})
    query = {
        "appid": merchant.appid,
        "secret": merchant.secret,
        "js_code": code,
        "grant_type": "authorization_code",
    }
    with pytest.raises(httpx.TransportError):
        await merchant.client.get("/sns/jscode2session", params=query)
    assert (await merchant.client.get("/sns/jscode2session", params=query)).json()["errcode"] == 40163


async def test_rules_that_mean_nothing_are_refused(simulator: Simulator) -> None:
    wrong: list[Json] = [
        {"match": {"api": "nothing"}, "action": {"kind": "hang"}},
        {"match": {"api": "prepay"}, "action": {"kind": "lose"}},
        {"match": {"api": "notice"}, "action": {"kind": "hang"}},
        {"match": {"api": "prepay", "colour": "red"}, "action": {"kind": "hang"}},
        {"match": {"api": "prepay"}, "times": 0, "action": {"kind": "hang"}},
    ]
    for rule in wrong:
        assert (await simulator.refused("PUT", "/faults", {"rules": [rule]})).status_code == 422, rule
    assert (await simulator.control("GET", "/faults"))["rules"] == []
    await simulator.fault(PREPAY, {"kind": "hang"})
    assert (await simulator.control("DELETE", "/faults"))["rules"] == []
