"""Statements that differ from what was ordered, and how a person ends the dispute (P4, P5; issue 3, point 2)."""

import asyncio
from typing import Any

import httpx
import pytest

from simulator.books import Books
from tests.integration.payment.till import ELSEWHERE, Till, entries, fault, one_of_many
from tests.support.shop import Caller


async def decide(
    till: Till,
    order: dict[str, Any],
    decision: str,
    *,
    by: Caller | None = None,
    key: str | None = None,
) -> httpx.Response:
    return await (by or till.shop.as_operator("finance")).post(
        "payment",
        f"/operator/payments/{order['order_id']}/dispute-decision",
        {"decision": decision, "reason": "看过微信商户平台"},
        headers={"idempotency-key": key or f"{order['order_id']}-{decision}"},
    )


async def paid_differently(till: Till, change: str) -> dict[str, Any]:
    """An order whose payment, as WeChat tells it, is not what our books want."""
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.change_payment(order, change)
    await till.status(order, refresh=True)
    assert (await till.detail(order))["disputed_at"] is not None
    return order


async def lied_about(till: Till) -> dict[str, Any]:
    """An unpaid order of which a signed notice told another amount."""
    order = await till.order()
    await till.collect(order)
    await till.notice(order["order_number"], variant="alter", field="amount")
    return order


async def disputed(till: Till) -> list[str]:
    answer = await till.shop.as_operator("finance").get(
        "payment", "/operator/payments?is_disputed=true&limit=100"
    )
    return [each["order_id"] for each in answer.json()["items"]]


@pytest.mark.parametrize(
    ("change", "ours_fen"),
    [("amount_fen = 1", 1), ("payer_openid = 'oAnother'", 9_980)],
    ids=["amount", "payer"],
)
async def test_money_that_differs_goes_back_in_full_as_wechat_has_it(
    till: Till, change: str, ours_fen: int
) -> None:
    order = await paid_differently(till, change)
    answers = await asyncio.gather(*(decide(till, order, "refund", key=str(number)) for number in range(16)))
    one_of_many(answers, 201)
    await till.ask_until_refunded(order)
    detail = await till.detail(order)
    assert (detail["status"], detail["amount_fen"], detail["paid_fen"], detail["disputed_at"]) == (
        "paying",
        ours_fen,
        0,
        None,
    )
    assert [(each["paid_fen"], each["surplus_reason"]) for each in detail["attempts"]] == [
        (9_980, "disputed")
    ]
    assert [(each["refund_number"], each["refund_fen"]) for each in detail["refunds"]] == [
        (f"SURPLUS-{order['order_number']}", 9_980)
    ]
    assert entries(detail) == [
        ("received", "provider_receivable", 9_980),
        ("received", "surplus_payable", -9_980),
        ("promised", "surplus_payable", 9_980),
        ("promised", "refunds_payable", -9_980),
        ("paid_out", "refunds_payable", 9_980),
        ("paid_out", "provider_receivable", -9_980),
    ]
    assert [(each["decision"], each["reason"]) for each in detail["dispute_decisions"]] == [
        ("refunded", "看过微信商户平台")
    ]
    assert "disputed-statement" in await till.security_events(order["order_number"])
    # WeChat tells it again: known, and no new dispute.
    assert (await till.notice(order["order_number"], new_id=True))["status"] == 204
    assert order["order_id"] not in await disputed(till)
    assert (await till.close(order)).json() == {"status": "closed"}
    assert [each["amount"]["refund"] for each in await till.platform_refunds(order["order_number"])] == [
        9_980
    ]


async def test_a_dispute_that_held_up_closing_ends_with_the_money_going_back(till: Till) -> None:
    order = await paid_differently(till, "amount_fen = 1")
    assert (await till.close(order)).json() == {"status": "closing"}
    assert (await decide(till, order, "refund")).status_code == 201
    assert (await till.close(order)).json() == {"status": "closed"}
    await till.ask_until_refunded(order)


async def test_a_notice_that_lied_is_dismissed_when_wechat_knows_of_no_money(till: Till) -> None:
    order = await lied_about(till)
    for decision in ("agree", "refund"):
        refused = await decide(till, order, decision)
        assert (refused.status_code, refused.json()["type"], refused.json()["answers"]) == (
            409,
            "/problems/payment/wechat-disagrees",
            {order["order_number"]: "not_paid"},
        )
    assert order["order_id"] in await disputed(till)
    finance = till.shop.as_operator("finance")
    answer = await decide(till, order, "dismiss", by=finance)
    assert (answer.status_code, answer.json()["disputed_at"]) == (201, None)
    again = await decide(till, order, "dismiss", by=finance)
    assert (again.status_code, again.content) == (201, answer.content)
    assert order["order_id"] not in await disputed(till)
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    (logged,) = await till.rows(
        "SELECT action, after FROM audit_log WHERE subject = :subject", subject=f"payment/{order['order_id']}"
    )
    assert logged == {
        "action": "payment.decide-dispute",
        "after": {"decision": "dismissed", "reason": "看过微信商户平台"},
    }
    # A new lie is a new dispute.
    await till.advance(seconds=1)
    await till.notice(order["order_number"], variant="alter", field="payer")
    assert order["order_id"] in await disputed(till)


async def test_a_payment_that_is_as_ordered_after_all_is_agreed_to_and_counts(till: Till) -> None:
    order = await lied_about(till)
    await till.wechat.faults(ELSEWHERE)
    await till.wechat.pay(order["order_number"], (await till.collect(order))["request_payment"])
    for decision in ("dismiss", "refund"):
        assert (await decide(till, order, decision)).status_code == 409
    answer = await decide(till, order, "agree")
    assert (answer.status_code, answer.json()["status"], answer.json()["disputed_at"]) == (
        201,
        "succeeded",
        None,
    )
    assert len((await till.detail(order))["ledger"]) == 2


@pytest.mark.parametrize("decision", ["agree", "dismiss"])
async def test_money_that_differs_can_only_go_back(till: Till, decision: str) -> None:
    order = await paid_differently(till, "amount_fen = 1")
    refused = await decide(till, order, decision)
    assert (refused.status_code, refused.json()["answers"]) == (409, {order["order_number"]: "disputed"})
    assert order["order_id"] in await disputed(till)


async def test_nothing_is_decided_while_wechat_is_silent(till: Till) -> None:
    order = await lied_about(till)
    await till.wechat.faults(fault("query", order, {"kind": "error", "status": 500}))
    assert (await decide(till, order, "dismiss")).status_code == 503
    assert order["order_id"] in await disputed(till)
    assert (await decide(till, order, "dismiss")).status_code == 201


async def test_a_dismissed_payment_is_watched_on(till: Till) -> None:
    order = await lied_about(till)
    await till.wechat.faults(ELSEWHERE)
    assert (await decide(till, order, "dismiss")).status_code == 201
    await till.wechat.pay(order["order_number"], (await till.collect(order))["request_payment"])
    await till.advance(minutes=4)
    await till.run_timers()
    assert await till.status(order) == "succeeded"


async def test_a_refund_that_differs_is_disputed_until_it_agrees_or_a_person_lets_it_be(till: Till) -> None:
    order = await till.paid_order()
    await till.wechat.faults(ELSEWHERE)
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    books = Books(till.wechat.folder / "books.sqlite")
    changed = "UPDATE refunds SET refund_fen = ? WHERE out_refund_no = ?"
    books.write(changed, 300, asked.refund_number)
    await till.advance(seconds=6)
    await till.run_timers()
    assert order["order_id"] in await disputed(till)
    assert (await decide(till, order, "agree")).status_code == 409
    assert (await decide(till, order, "dismiss")).status_code == 201
    await till.status(order, refresh=True)
    await till.advance(seconds=16)
    await till.run_timers()
    assert order["order_id"] in await disputed(till)
    books.write(changed, 400, asked.refund_number)
    books.close()
    answer = await decide(till, order, "agree", key="agree-now")
    assert (answer.status_code, answer.json()["refunds"][0]["status"]) == (201, "succeeded")


async def test_only_disputes_are_decided_by_finance_with_a_reason(till: Till) -> None:
    order = await till.paid_order()
    refused = await decide(till, order, "agree")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/not-disputed")
    for role in ("operations", "service_desk", "auditor"):
        assert (await decide(till, order, "agree", by=till.shop.as_operator(role))).status_code == 403
    assert (await decide(till, order, "pay")).status_code == 422
    path = f"/operator/payments/{order['order_id']}/dispute-decision"
    for body in ({"decision": "agree", "reason": ""}, {"decision": "agree", "reason": "x", "amount_fen": 1}):
        answer = await till.shop.as_operator("owner").post(
            "payment", path, body, headers={"idempotency-key": "x"}
        )
        assert answer.status_code == 422, body
