"""Each call to WeChat Pay goes wrong in each way, and nothing is concluded from it (K9, K17; checklist B)."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.integration.payment.till import ELSEWHERE, Till

FAULTS = {
    "frequency-limited": {"kind": "error", "status": 429, "code": "FREQUENCY_LIMITED"},
    "system-error": {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"},
    "ten-seconds": {"kind": "delay", "seconds": 10, "effect": True},
    "truncated": {"kind": "truncated"},
    "bad-signature": {"kind": "bad_signature"},
}
Go = Callable[..., Awaitable[None]]
"""Makes WeChat misbehave about one number, named as the rule matches it."""


def silent(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/payment/provider-silent")


async def prepaying(till: Till, go_wrong: Go) -> None:
    order = await till.order()
    await go_wrong(out_trade_no=order["order_number"])
    silent(await till.put(order))
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")
    assert [each["out_trade_no"] for each in (await till.detail(order))["attempts"]] == [
        order["order_number"]
    ]


async def querying(till: Till, go_wrong: Go) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await go_wrong(out_trade_no=order["order_number"])
    silent(
        await till.shop.as_service("order").get(
            "payment", f"/internal/payments/{order['order_id']}?refresh=true"
        )
    )
    assert (await till.detail(order))["ledger"] == []
    assert await till.status(order, refresh=True) == "succeeded"


async def closing(till: Till, go_wrong: Go) -> None:
    order = await till.order()
    await till.collect(order)
    await go_wrong(out_trade_no=order["order_number"])
    silent(await till.close(order))
    assert await till.status(order) == "paying"
    assert (await till.close(order)).json() == {"status": "closed"}
    platform = (await till.wechat.control.get(f"/payments/{order['order_number']}")).json()
    assert platform["trade_state"] == "CLOSED"


async def refunding(till: Till, go_wrong: Go) -> None:
    order = await till.paid_order()
    await till.run_timers()
    asked = await till.request_refund(order, 700)
    await go_wrong(out_refund_no=asked.refund_number)
    await till.run_timers()
    await till.ask_until_refunded(order)
    assert [each["amount"]["refund"] for each in await till.platform_refunds(order["order_number"])] == [700]
    assert (await till.detail(order))["refunded_fen"] == 700


async def querying_a_refund(till: Till, go_wrong: Go) -> None:
    order = await till.paid_order()
    await till.wechat.faults(ELSEWHERE)
    asked = await till.request_refund(order, 700)
    await till.run_timers()
    await till.advance(seconds=6)
    await go_wrong(out_refund_no=asked.refund_number)
    await till.run_timers()
    assert [each["status"] for each in (await till.detail(order))["refunds"]] == ["processing"]
    await till.advance(seconds=31)
    await till.run_timers()
    assert [each["status"] for each in (await till.detail(order))["refunds"]] == ["succeeded"]


STORIES = {
    "prepay": prepaying,
    "query": querying,
    "close": closing,
    "refund": refunding,
    "refund_query": querying_a_refund,
}


CASES = [
    pytest.param(api, action, id=f"{api}-{name}")
    for api in STORIES
    for name, action in FAULTS.items()
    if (api, name) != ("close", "truncated")  # its answer has no body
]


@pytest.mark.parametrize(("api", "action"), CASES)
async def test_a_call_that_goes_wrong_decides_nothing_and_is_made_again_under_its_number(
    till: Till, api: str, action: dict[str, Any]
) -> None:
    notices = [] if api == "prepay" else [ELSEWHERE]
    hosts = 2 if action["kind"] == "truncated" else 1  # a connection that was cut is tried at the second host

    async def go_wrong(**about: str) -> None:
        rule = {"match": {"api": api, **about}, "times": hosts, "action": action}
        await till.wechat.faults(*notices, rule)

    began = time.monotonic()
    await STORIES[api](till, go_wrong)
    assert time.monotonic() - began < 9  # ten seconds are not waited for
    (rule,) = [
        each
        for each in (await till.wechat.control.get("/faults")).json()["rules"]
        if each["match"]["api"] == api
    ]
    assert rule["bitten"] == hosts
