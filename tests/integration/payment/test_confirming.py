"""An operator asks WeChat about a payment; only WeChat's word counts (P3, P5; issue 3, point 2).

Of many who ask at once a busy machine may leave some without WeChat's answer: they are told that it is unknown.
"""

import asyncio
from typing import Any

import httpx
import pytest

from shared.ids import new_id
from tests.integration.payment.till import ELSEWHERE, Till, all_of_many, fault

SAYS_CLOSED = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}


async def confirm(till: Till, order: dict[str, Any], role: str = "finance") -> httpx.Response:
    path = f"/operator/payments/{order['order_id']}/confirm"
    return await till.shop.as_operator(role).post("payment", path)


async def confirmed(till: Till, order: dict[str, Any]) -> dict[str, Any]:
    answer = await confirm(till, order)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def unannounced(till: Till, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order that was paid although no notice came."""
    order = await till.order(**changes)
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    return order, collected


async def test_a_payment_that_was_made_is_found_and_runs_its_normal_course(till: Till) -> None:
    order, collected = await unannounced(till)
    found = await confirmed(till, order)
    assert (found["finding"], found["payment"]["status"], found["payment"]["paid_fen"]) == (
        "paid",
        "succeeded",
        9_980,
    )
    assert found["answers"] == [{"out_trade_no": order["order_number"], "answer": "paid"}]
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]


async def test_the_operators_word_alone_makes_nothing_paid(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    found = await confirmed(till, order)
    assert (found["finding"], found["payment"]["status"]) == ("not_paid", "paying")
    assert found["answers"] == [{"out_trade_no": order["order_number"], "answer": "not_paid"}]
    assert await till.announced(collected["payment_id"]) == []
    claim = {"paid": True, "amount_fen": 9_980, "transaction_id": "4200001"}
    path = f"/operator/payments/{order['order_id']}/confirm"
    await till.shop.as_operator("finance").post("payment", path, claim)
    assert (await till.detail(order))["status"] == "paying"


async def test_sixteen_operators_at_once_count_a_payment_once(till: Till) -> None:
    order, collected = await unannounced(till)
    answers = await asyncio.gather(*(confirm(till, order) for _ in range(16)))
    told = all_of_many(answers, 200)
    assert {each["finding"] for each in told} - {"unknown"} == {"paid"}
    assert len((await till.detail(order))["ledger"]) == 2
    assert len(await till.announced(collected["payment_id"])) == 1
    logged = await till.rows(
        "SELECT action, after FROM audit_log WHERE subject = :subject", subject=f"payment/{order['order_id']}"
    )
    assert [each["action"] for each in logged] == ["payment.confirm"] * len(told)
    found = {"finding": "paid", "answers": {order["order_number"]: "paid"}}
    assert found in [each["after"] for each in logged]


async def test_money_found_for_a_closed_payment_goes_back_once(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    await till.wechat.faults(fault("close", order, SAYS_CLOSED), ELSEWHERE)
    assert (await till.close(order)).json() == {"status": "closed"}
    await till.wechat.pay(order["order_number"], collected["request_payment"], late=True)
    answers = await asyncio.gather(*(confirm(till, order) for _ in range(16)))
    assert {each["finding"] for each in all_of_many(answers, 200)} - {"unknown"} == {"surplus"}
    await till.ask_until_refunded(order)
    found = await confirmed(till, order)
    assert (found["finding"], found["payment"]["status"]) == ("surplus", "closed")
    assert [
        (each["kind"], each["refund_fen"], each["reason"], each["status"])
        for each in found["payment"]["refunds"]
    ] == [("surplus", 9_980, "late", "succeeded")]
    assert len(await till.platform_refunds(order["order_number"])) == 1


async def test_a_refunded_payment_is_still_a_paid_one(till: Till) -> None:
    order = await till.paid_order()
    await till.request_refund(order, 100)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    found = await confirmed(till, order)
    assert (found["finding"], found["payment"]["disputed_at"]) == ("paid", None)


@pytest.mark.parametrize("action", [{"kind": "hang"}, {"kind": "error", "status": 500}], ids=["hang", "500"])
async def test_a_silent_wechat_leaves_it_unknown(till: Till, action: dict[str, Any]) -> None:
    order, _ = await unannounced(till)
    await till.wechat.faults(fault("query", order, action))
    found = await confirmed(till, order)
    assert (found["finding"], found["answers"][0]["answer"]) == ("unknown", "no_answer")
    assert (await confirmed(till, order))["finding"] == "paid"


async def test_a_payment_that_differs_is_told_as_disputed_and_moves_nothing(till: Till) -> None:
    order, _ = await unannounced(till)
    await till.change_payment(order, "amount_fen = 1")
    for _ in range(3):
        assert (await confirmed(till, order))["finding"] == "disputed"
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    assert (await till.detail(order))["ledger"] == []


async def test_an_order_without_attempts_was_not_paid_and_one_of_nothing_was(till: Till) -> None:
    never = await till.order()
    await till.close(never)
    assert (await confirmed(till, never))["finding"] == "not_paid"
    free = await till.order(amount_fen=0, payer_openid=None)
    await till.collect(free)
    assert (await confirmed(till, free))["finding"] == "paid"
    assert (await confirm(till, {"order_id": new_id()})).status_code == 404


async def test_only_finance_and_the_owner_confirm(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    for role in ("operations", "service_desk", "auditor"):
        assert (await confirm(till, order, role)).status_code == 403
    assert (await confirm(till, order, "owner")).status_code == 200
    path = f"/operator/payments/{order['order_id']}/confirm"
    assert (await till.shop.as_member().post("payment", path)).status_code == 401
