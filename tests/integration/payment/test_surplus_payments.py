"""The record that an operator reads of money that no order wanted (P5)."""

from typing import Any

from shared.ids import new_id
from tests.integration.payment.till import ELSEWHERE, Till, fault

SAYS_CLOSED = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}


async def paid_late(till: Till) -> dict[str, Any]:
    order = await till.order()
    collected = await till.collect(order)
    await till.wechat.faults(fault("close", order, SAYS_CLOSED), ELSEWHERE)
    await till.close(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"], late=True)
    await till.status(order, refresh=True)
    return order


async def read(till: Till, **query: Any) -> dict[str, Any]:
    answer = await till.shop.as_operator("auditor").get("payment", "/operator/surplus-payments", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_every_surplus_payment_is_told_with_its_reason_order_and_refund(till: Till) -> None:
    orders = [await paid_late(till) for _ in range(3)]
    await till.ask_until_refunded(orders[0])
    await till.wechat.faults()
    await till.rules(refund_settles_as="ABNORMAL")
    await till.run_timers()
    first = await read(till, limit=2, reason="late")
    rest = await read(till, limit=1, reason="late", after=first["next"])
    told = first["items"] + rest["items"]
    assert [each["order_id"] for each in told] == [order["order_id"] for order in reversed(orders)]
    newest = told[0]
    assert (newest["order_number"], newest["member_id"], newest["paid_fen"], newest["refund_number"]) == (
        orders[-1]["order_number"],
        orders[-1]["member_id"],
        9_980,
        f"SURPLUS-{orders[-1]['order_number']}",
    )
    assert newest["paid_at"] is not None
    assert [
        each["order_id"] for each in (await read(till, refund_status="succeeded", limit=1))["items"]
    ] != []
    assert (await read(till, reason="disputed", refund_status="refused"))["items"] == []


async def test_a_surplus_refund_that_is_abnormal_has_the_same_ways_out(till: Till) -> None:
    await till.rules(refund_settles_as="ABNORMAL")
    order = await paid_late(till)
    await till.run_timers()
    await till.advance(seconds=6)
    await till.run_timers()
    waiting = await read(till, refund_status="failed", limit=100)
    (told,) = [each for each in waiting["items"] if each["order_id"] == order["order_id"]]
    answer = await till.shop.as_operator("finance").post(
        "payment",
        f"/operator/refund-attempts/{told['refund_number']}/settle-outside",
        {"evidence": "2026-11-22 网银转账"},
        headers={"idempotency-key": str(new_id())},
    )
    assert answer.status_code == 201, answer.text
    detail = await till.detail(order)
    types = [type_ for type_, _ in await till.announced(detail["payment_id"])]
    assert types == ["surplus.refunded.v1"]
    assert (await read(till, limit=1))["items"][0]["settled_outside"] == "2026-11-22 网银转账"


async def test_only_operators_of_money_read_it(till: Till) -> None:
    for role in ("operations", "service_desk"):
        caller = till.shop.as_operator(role)
        assert (await caller.get("payment", "/operator/surplus-payments")).status_code == 403
    assert (await till.shop.as_member().get("payment", "/operator/surplus-payments")).status_code == 401
