"""Giving money back (reliability P8, K9, M2; wechat.md 5.10; checklist B)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.payment.till import ELSEWHERE, Till, entries, fault

SYSTEM_ERROR = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"}


async def test_a_partial_refund_is_paid_out_and_announced_once(till: Till) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 2_500)
    assert (await till.detail(order))["refunded_fen"] == 2_500
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    await till.react(asked)
    assert await till.stalled(asked.refund_id) == []
    await till.advance(seconds=6)
    await till.run_timers()

    detail = await till.detail(order)
    (refund,) = detail["refunds"]
    assert (refund["refund_number"], refund["refund_fen"], refund["status"]) == (
        asked.refund_number,
        2_500,
        "succeeded",
    )
    told = {each["event_type"] for each in detail["notices"]}
    assert told == {"TRANSACTION.SUCCESS", "REFUND.SUCCESS"}
    assert entries(detail)[2:] == [
        ("promised", "order_receipts", 2_500),
        ("promised", "refunds_payable", -2_500),
        ("paid_out", "refunds_payable", 2_500),
        ("paid_out", "provider_receivable", -2_500),
    ]
    ((type_, data),) = await till.announced(asked.refund_id)
    assert (type_, data["refund_fen"], data["order_id"]) == ("refund.succeeded.v1", 2_500, order["order_id"])
    assert len(await till.platform_refunds(order["order_number"])) == 1


async def test_a_refund_whose_notice_is_lost_is_found_by_asking(till: Till) -> None:
    order = await till.paid_order()
    await till.wechat.faults(ELSEWHERE)
    asked = await till.request_refund(order, 9_980)
    await till.run_timers()
    assert (await till.detail(order))["refunds"][0]["status"] == "processing"
    await till.ask_until_refunded(order)
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.succeeded.v1"]


async def test_refund_notices_count_once(till: Till) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 100)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    told = await asyncio.gather(
        *(till.notice(order["order_number"], event="refund", new_id=bool(n % 2)) for n in range(10))
    )
    assert {each["status"] for each in told} == {204}
    assert len(await till.announced(asked.refund_id)) == 1
    assert len((await till.detail(order))["ledger"]) == 6


@pytest.mark.parametrize("field", ["amount", "mchid", "state"])
async def test_a_refund_notice_that_differs_is_disputed(till: Till, field: str) -> None:
    order = await till.paid_order()
    await till.wechat.faults(ELSEWHERE)
    asked = await till.request_refund(order, 100)
    await till.run_timers()
    told = await till.notice(order["order_number"], event="refund", variant="alter", field=field)
    assert told["status"] == 409
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    assert await till.announced(asked.refund_id) == []


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize(
    "action", [SYSTEM_ERROR, {"kind": "reset"}, {"kind": "hang"}], ids=["system-error", "reset", "hang"]
)
async def test_an_unknown_refund_is_asked_again_under_its_number(
    till: Till, action: dict[str, object], effect: bool
) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 700)
    match = {"api": "refund", "out_refund_no": asked.refund_number}
    await till.wechat.faults({"match": match, "times": 2, "action": action | {"effect": effect}})
    await till.run_timers()
    await till.wechat.faults()
    for _ in range(2):
        await till.advance(seconds=6)
        await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    assert [
        (each["out_refund_no"], each["amount"]["refund"])
        for each in await till.platform_refunds(order["order_number"])
    ] == [(asked.refund_number, 700)]
    assert len(await till.announced(asked.refund_id)) == 1


async def test_refunds_at_once_never_exceed_what_was_paid(till: Till) -> None:
    order = await till.paid_order(amount_fen=1_000)
    asked = await asyncio.gather(*(till.request_refund(order, 300) for _ in range(8)))
    await till.run_timers()
    detail = await till.detail(order)
    assert detail["refunded_fen"] == 900
    assert (
        sorted(each["status"] for each in detail["refunds"] if each["status"] == "refused") == ["refused"] * 5
    )
    announced = [await till.announced(each.refund_id) for each in asked]
    refused = [events for events in announced if [type_ for type_, _ in events] == ["refund.failed.v1"]]
    assert len(refused) == 5
    assert sum(each["amount"]["refund"] for each in await till.platform_refunds(order["order_number"])) == 900


async def test_at_most_fifty_refunds_are_made(till: Till) -> None:
    order = await till.paid_order()
    for _ in range(50):
        await till.request_refund(order, 1)
    asked = await till.request_refund(order, 1)
    assert (await till.detail(order))["refunded_fen"] == 50
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"]


async def test_a_refund_of_nothing_succeeds_at_once(till: Till) -> None:
    order = await till.order(amount_fen=0, payer_openid=None)
    await till.collect(order)
    asked = await till.request_refund(order, 0)
    ((type_, data),) = await till.announced(asked.refund_id)
    assert (type_, data["refund_fen"]) == ("refund.succeeded.v1", 0)
    assert (await till.detail(order))["refunds"] == []


async def test_more_than_nothing_is_not_given_back_of_nothing(till: Till) -> None:
    order = await till.order(amount_fen=0, payer_openid=None)
    await till.collect(order)
    asked = await till.request_refund(order, 1)
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"]


async def test_a_refund_asked_for_too_early_waits_for_the_payment(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    asked = await till.request_refund(order, 100)
    assert await till.stalled(asked.refund_id) == ["waiting"]
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")
    await till.react(asked)
    assert (await till.detail(order))["refunded_fen"] == 100


async def test_wechats_minute_between_refunds_is_waited_for(till: Till) -> None:
    order = await till.paid_order()
    await till.rules(refund_interval_seconds=60)
    first = await till.request_refund(order, 100)
    second = await till.request_refund(order, 200)
    await till.run_timers()
    assert len(await till.platform_refunds(order["order_number"])) == 1
    for seconds in (6, 16, 31, 66):
        await till.advance(seconds=seconds)
        await till.run_timers()
    assert [each["out_refund_no"] for each in await till.platform_refunds(order["order_number"])] in (
        [first.refund_number, second.refund_number],
        [second.refund_number, first.refund_number],
    )


async def test_a_refund_without_balance_waits_for_it(till: Till) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 100)
    match = {"api": "refund", "out_refund_no": asked.refund_number}
    await till.wechat.faults(
        {"match": match, "times": 1, "action": {"kind": "error", "status": 403, "code": "NOT_ENOUGH"}}
    )
    await till.run_timers()
    (attempt,) = await _attempts(till, order)
    assert attempt["status"] == "requested"
    assert "NOT_ENOUGH" in attempt["last_error"]
    assert await till.announced(asked.refund_id) == []
    await till.advance(seconds=6)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")


async def test_an_abnormal_refund_is_announced_and_ends_when_it_was_paid_by_hand(till: Till) -> None:
    await till.rules(refund_settles_as="ABNORMAL")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    (attempt,) = await _attempts(till, order)
    assert (attempt["status"], attempt["refund_status"]) == ("abnormal", "failed")
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"]
    assert (await till.detail(order))["refunded_fen"] == 400

    # A retry without help finds it abnormal again, and says so again.
    assert (await _retry(till, asked.refund_number)).status_code == 202
    await till.run_timers()
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"] * 2

    # By hand in the merchant console, then.
    await till.pay_refund_by_hand(asked.refund_number)
    answer = await _retry(till, asked.refund_number)
    assert (answer.status_code, answer.json()["out_refund_no"]) == (202, asked.refund_number)
    await till.run_timers()
    assert (await till.detail(order))["refunds"][0]["status"] == "succeeded"
    assert [type_ for type_, _ in await till.announced(asked.refund_id)][-1] == "refund.succeeded.v1"
    assert len(await till.platform_refunds(order["order_number"])) == 1


async def test_a_closed_refund_is_tried_again_under_the_next_number(till: Till) -> None:
    await till.rules(refund_settles_as="CLOSED")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    await till.rules(refund_settles_as="SUCCESS")
    answer = await _retry(till, asked.refund_number)
    assert (answer.status_code, answer.json()["out_refund_no"]) == (202, f"{asked.refund_number}-2")
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    types = [type_ for type_, _ in await till.announced(asked.refund_id)]
    assert types == ["refund.failed.v1", "refund.succeeded.v1"]
    done = await till.platform_refunds(order["order_number"])
    assert [(each["out_refund_no"], each["status"]) for each in done] == [
        (asked.refund_number, "CLOSED"),
        (f"{asked.refund_number}-2", "SUCCESS"),
    ]
    detail = await till.detail(order)
    assert (detail["refunded_fen"], len(detail["ledger"])) == (400, 6)


async def test_a_failed_refund_that_the_order_asks_for_again_goes_on(till: Till) -> None:
    await till.rules(refund_settles_as="CLOSED")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    await till.rules(refund_settles_as="SUCCESS")
    await till.react(asked)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    await till.react(asked)
    assert (await till.detail(order))["refunded_fen"] == 400
    types = [type_ for type_, _ in await till.announced(asked.refund_id)]
    assert types == ["refund.failed.v1", "refund.succeeded.v1"]


async def test_a_refund_of_too_much_is_refused_again(till: Till) -> None:
    order = await till.paid_order(amount_fen=100)
    asked = await till.request_refund(order, 101)
    await till.react(asked)
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"] * 2
    assert (await till.detail(order))["refunded_fen"] == 0


async def test_a_refused_refund_is_tried_again_under_its_number(till: Till) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    match = {"api": "refund", "out_refund_no": asked.refund_number}
    await till.wechat.faults(
        {"match": match, "times": 1, "action": {"kind": "error", "status": 403, "code": "NO_AUTH"}}
    )
    await till.run_timers()
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.failed.v1"]
    assert (await _retry(till, asked.refund_number)).json()["out_refund_no"] == asked.refund_number
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")


async def test_only_a_failed_refund_is_tried_again_by_finance_and_once_per_key(till: Till) -> None:
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    path = f"/operator/refund-attempts/{asked.refund_number}/retry"
    headers = {"idempotency-key": asked.refund_number}
    finance = till.shop.as_operator("finance")
    refused = await finance.post("payment", path, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/refund-not-failed")
    assert (await finance.post("payment", path)).status_code == 400
    for role in ("operations", "service_desk", "auditor"):
        answer = await till.shop.as_operator(role).post("payment", path, headers=headers)
        assert answer.status_code == 403
    assert (await till.shop.as_member().post("payment", path, headers=headers)).status_code == 401


async def test_a_retry_is_in_the_audit_log_and_repeats_its_answer(till: Till) -> None:
    await till.rules(refund_settles_as="CLOSED")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    finance = till.shop.as_operator("finance")
    path, headers = f"/operator/refund-attempts/{asked.refund_number}/retry", {"idempotency-key": "again"}
    first = await finance.post("payment", path, headers=headers)
    second = await finance.post("payment", path, headers=headers)
    assert (first.status_code, second.status_code, first.json()) == (202, 202, second.json())
    logged = await till.rows(
        "SELECT action FROM audit_log WHERE subject = :subject",
        subject=f"refund-attempt/{asked.refund_number}",
    )
    assert logged == [{"action": "refund-attempt.retry"}]
    assert len(await _attempts(till, order)) == 2


async def test_a_refund_told_before_its_payment_is_taken_in_any_order(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(fault("notice", order, {"kind": "out_of_order"}))
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.advance(seconds=6)
    await till.run_timers()
    await till.request_refund(order, 9_980)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    async with asyncio.timeout(5):
        while len((await till.detail(order))["notices"]) < 2:
            await asyncio.sleep(0.02)
    detail = await till.detail(order)
    told = {each["event_type"] for each in detail["notices"]}
    assert told == {"REFUND.SUCCESS", "TRANSACTION.SUCCESS"}
    assert (detail["status"], detail["disputed_at"]) == ("succeeded", None)


async def test_the_books_sum_to_zero_after_everything(till: Till) -> None:
    order = await till.paid_order()
    await till.request_refund(order, 980)
    await till.run_timers()
    await till.wait_for_refund(order, "succeeded")
    answer = await till.shop.as_operator("finance").get("payment", "/operator/cash-accounts")
    balances = {each["account"]: each["balance_fen"] for each in answer.json()["items"]}
    assert sum(balances.values()) == 0
    assert balances["order_receipts"] < 0 < balances["provider_receivable"]
    (unbalanced,) = await till.rows(
        "SELECT count(*) AS number FROM (SELECT journal_id FROM journal_entries"
        " GROUP BY journal_id HAVING sum(amount_fen) <> 0) AS unbalanced"
    )
    assert unbalanced["number"] == 0


async def _attempts(till: Till, order: dict[str, object]) -> list[dict[str, Any]]:
    answer = await till.shop.as_operator("finance").get("payment", "/operator/refund-attempts?limit=100")
    return [each for each in answer.json()["items"] if each["order_id"] == order["order_id"]]


async def _retry(till: Till, out_refund_no: str) -> httpx.Response:
    return await till.shop.as_operator("finance").post(
        "payment",
        f"/operator/refund-attempts/{out_refund_no}/retry",
        headers={"idempotency-key": out_refund_no},
    )
