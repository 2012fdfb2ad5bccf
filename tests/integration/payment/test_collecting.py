"""Collecting for an order (reliability P1, K9; wechat.md 5.6 to 5.8)."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.payment.till import ELSEWHERE, Till, entries, fault

SYSTEM_ERROR = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"}


async def test_an_order_is_collected_paid_and_announced_once(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    assert (collected["status"], collected["amount_fen"]) == ("paying", 9_980)
    transaction = await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")

    detail = await till.detail(order)
    assert (detail["method"], detail["paid_fen"], detail["transaction_id"]) == (
        "wechat_pay",
        9_980,
        transaction["transaction_id"],
    )
    assert [(each["out_trade_no"], each["status"]) for each in detail["attempts"]] == [
        (order["order_number"], "succeeded")
    ]
    assert [each["event_type"] for each in detail["notices"]] == ["TRANSACTION.SUCCESS"]
    assert entries(detail) == [
        ("received", "provider_receivable", 9_980),
        ("received", "order_receipts", -9_980),
    ]
    ((type_, data),) = await till.announced(collected["payment_id"])
    assert (type_, data["order_id"], data["amount_fen"], data["method"]) == (
        "payment.succeeded.v1",
        order["order_id"],
        9_980,
        "wechat_pay",
    )


async def test_the_same_call_again_is_the_same_attempt(till: Till) -> None:
    order = await till.order()
    first = await till.collect(order)
    again = await till.collect(order)
    assert again["request_payment"]["package"] == first["request_payment"]["package"]
    assert again["request_payment"]["paySign"] != first["request_payment"]["paySign"]
    assert len((await till.detail(order))["attempts"]) == 1


async def test_many_calls_at_once_are_one_attempt(till: Till) -> None:
    order = await till.order()
    answers = await asyncio.gather(*(till.put(order) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    await till.wechat.pay(order["order_number"], answers[0].json()["request_payment"])
    await till.wait_for(order, "succeeded")
    assert len((await till.detail(order))["attempts"]) == 1


async def test_a_platform_coupon_lowers_what_the_payer_pays_but_not_what_the_order_gets(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"], coupon_fen=500)
    await till.wait_for(order, "succeeded")
    assert (await till.detail(order))["paid_fen"] == 9_980


async def test_nothing_to_pay_succeeds_at_once_without_wechat(till: Till) -> None:
    order = await till.order(amount_fen=0, payer_openid=None)
    collected = await till.collect(order)
    assert (collected["status"], collected["method"], collected["request_payment"]) == (
        "succeeded",
        "zero",
        None,
    )
    assert collected["transaction_id"] is None
    assert (await till.collect(order))["status"] == "succeeded"
    detail = await till.detail(order)
    assert (detail["attempts"], detail["ledger"]) == ([], [])
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]


async def test_a_single_fen_is_collected(till: Till) -> None:
    order = await till.paid_order(amount_fen=1)
    assert entries(await till.detail(order)) == [
        ("received", "provider_receivable", 1),
        ("received", "order_receipts", -1),
    ]


async def test_an_old_prepay_id_is_renewed_under_the_same_number(till: Till) -> None:
    order = await till.order(expires_at=(till.clock.now() + timedelta(hours=5)).isoformat())
    first = await till.collect(order)
    await till.advance(hours=2)
    second = await till.collect(order)
    assert second["request_payment"]["package"] != first["request_payment"]["package"]
    await till.wechat.pay(order["order_number"], second["request_payment"])
    await till.wait_for(order, "succeeded")
    assert len((await till.detail(order))["attempts"]) == 1


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize(
    "action",
    [SYSTEM_ERROR, {"kind": "reset"}, {"kind": "hang"}],
    ids=["system-error", "reset", "hang"],
)
async def test_an_unknown_prepay_is_asked_again_under_its_number(
    till: Till, action: dict[str, object], effect: bool
) -> None:
    order = await till.order()
    await till.wechat.faults(fault("prepay", order, action | {"effect": effect}, times=2))
    refused = await till.put(order)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/payment/provider-silent")
    await till.wechat.faults()
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")
    assert len((await till.detail(order))["attempts"]) == 1


@pytest.mark.parametrize("kind", ["truncated", "bad_signature", "missing_signature", "probe_signature"])
async def test_an_answer_that_is_not_provably_wechats_is_not_believed(till: Till, kind: str) -> None:
    order = await till.order()
    await till.wechat.faults(fault("prepay", order, {"kind": kind}, times=2))
    assert (await till.put(order)).status_code == 503
    assert (await till.detail(order))["attempts"][0]["status"] == "initiated"


async def test_a_definite_refusal_is_told_with_its_code(till: Till) -> None:
    order = await till.order(payer_openid="oNobodyWhoExists0000000000")
    answer = await till.put(order)
    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (
        409,
        "/problems/payment/provider-refused",
        "PARAM_ERROR",
    )


@pytest.mark.parametrize(
    "change", [{"amount_fen": 1}, {"payer_openid": "oAnother"}, {"order_number": "JANOTHER1"}]
)
async def test_another_wish_for_the_same_order_is_refused(till: Till, change: dict[str, object]) -> None:
    order = await till.order()
    await till.collect(order)
    answer = await till.put(order | change)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/payment/payment-differs")


async def test_a_number_belongs_to_one_order(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    answer = await till.put(await till.order(order_number=order["order_number"]))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/payment/payment-differs")


async def test_nobody_pays_after_the_deadline(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    await till.advance(minutes=15)
    answer = await till.put(order)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/payment/payment-expired")


async def test_a_spent_number_is_closed_before_the_next_one_is_tried(till: Till) -> None:
    order = await till.order(expires_at=(till.clock.now() + timedelta(hours=5)).isoformat())
    await till.collect(order)
    await till.advance(hours=2)
    await till.wechat.faults(fault("prepay", order, {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}))
    collected = await till.collect(order)
    second = f"{order['order_number']}-2"
    attempts = (await till.detail(order))["attempts"]
    assert [(each["out_trade_no"], each["status"]) for each in attempts] == [
        (order["order_number"], "closed"),
        (second, "prepaid"),
    ]
    late = await till.wechat.control.post(f"/payments/{order['order_number']}/pay", json={"late": True})
    assert late.json()["error"] == "closed"
    await till.wechat.pay(second, collected["request_payment"])
    await till.wait_for(order, "succeeded")


async def test_a_payment_without_its_notice_is_found_by_asking(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.run_timers()
    assert (await till.detail(order))["attempts"][0]["queried_at"] is None
    await till.advance(seconds=5)
    await till.run_timers()
    assert (await till.detail(order))["attempts"][0]["queried_at"] is not None
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.advance(seconds=20)
    await till.run_timers()
    assert await till.status(order) == "paying"
    await till.advance(seconds=5)
    await till.run_timers()
    assert await till.status(order) == "succeeded"
    assert (await till.detail(order))["notices"] == []
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]


async def test_a_refresh_asks_wechat_at_once(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    assert await till.status(order) == "paying"
    assert await till.status(order, refresh=True) == "succeeded"


async def test_a_prepay_that_finds_the_order_paid_takes_the_payment(till: Till) -> None:
    order = await till.order(expires_at=(till.clock.now() + timedelta(hours=5)).isoformat())
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.advance(hours=2)
    again = await till.collect(order)
    assert (again["status"], again["request_payment"]) == ("succeeded", None)


async def test_only_the_order_service_may_collect_close_or_look(till: Till) -> None:
    order = await till.order()
    body = {name: value for name, value in order.items() if name != "order_id"}
    path = f"/internal/payments/{order['order_id']}"
    for caller in (till.shop.as_member(), till.shop.as_operator("owner"), till.shop.as_service("catalog")):
        assert (await caller.put("payment", path, json=body)).status_code == 404
        assert (await caller.post("payment", f"{path}/close")).status_code == 404
        assert (await caller.get("payment", path)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"amount_fen": -1},
        {"amount_fen": 1.5},
        {"amount_fen": "1"},
        {"amount_fen": True},
        {"status": "succeeded"},
    ],
)
async def test_a_malformed_wish_is_refused(till: Till, change: dict[str, object]) -> None:
    order = await till.order()
    assert (await till.put(order | change)).status_code == 422
