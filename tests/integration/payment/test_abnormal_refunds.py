"""The ways out of a refund that WeChat Pay could not pay to where the money came from (wechat.md 5.10; issue 3, point 2)."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from shared.events import RefundRequested
from tests.integration.payment.partners import Partners
from tests.integration.payment.till import ELSEWHERE, Till, all_of_many, entries, one_of_many
from tests.support.shop import Caller

CARD = {
    "sent_to": "user_bank_card",
    "bank_type": "CMB_DEBIT",
    "bank_account": "6225880137000000",
    "real_name": "王小明",
}
MERCHANT = {"sent_to": "merchant_account"}
EVIDENCE = {"evidence": "2026-11-22 网银转账 流水 8812"}


@pytest.fixture
async def abnormal(till: Till) -> tuple[dict[str, Any], RefundRequested]:
    """A paid order whose refund of 400 fen is ABNORMAL; what comes next settles well."""
    await till.rules(refund_settles_as="ABNORMAL")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    await till.rules(refund_settles_as="SUCCESS")
    return order, asked


async def decide(
    till: Till, number: str, what: str, body: dict[str, Any], *, by: Caller | None = None, key: str = "once"
) -> httpx.Response:
    return await (by or till.shop.as_operator("finance")).post(
        "payment", f"/operator/refund-attempts/{number}/{what}", body, headers={"idempotency-key": key}
    )


async def announced(till: Till, asked: RefundRequested) -> list[str]:
    return [type_ for type_, _ in await till.announced(asked.refund_id)]


async def look(till: Till) -> None:
    await till.advance(seconds=16)
    await till.run_timers()


async def test_an_abnormal_refund_is_paid_to_the_payers_bank_card(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    answer = await decide(till, asked.refund_number, "redirect", CARD)
    assert (answer.status_code, answer.json()["sent_to"]) == (202, "user_bank_card")
    await till.wait_for_refund(order, "succeeded")
    assert await announced(till, asked) == ["refund.failed.v1", "refund.succeeded.v1"]
    assert entries(await till.detail(order))[4:] == [
        ("paid_out", "refunds_payable", 400),
        ("paid_out", "provider_receivable", -400),
    ]
    (refund,) = await till.platform_refunds(order["order_number"])
    assert (refund["status"], refund["user_received_account"]) == ("SUCCESS", "CMB_DEBIT0000")


async def test_an_abnormal_refund_that_went_to_the_merchant_is_still_owed_until_it_is_paid_outside(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    assert (await decide(till, asked.refund_number, "redirect", MERCHANT)).status_code == 202
    await look(till)
    await till.wait_for_refund(order, "failed")
    detail = await till.detail(order)
    assert detail["refunds"][0]["failure"].startswith("the money is in the merchant's bank account")
    assert entries(detail)[4:] == [
        ("sent_to_merchant", "merchant_account", 400),
        ("sent_to_merchant", "provider_receivable", -400),
    ]
    assert await announced(till, asked) == ["refund.failed.v1"] * 2
    # WeChat has nothing left to try: neither again, nor elsewhere, nor for the order service.
    for what, body in (("retry", {}), ("redirect", CARD)):
        assert (await decide(till, asked.refund_number, what, body)).status_code == 409
    await till.react(asked)
    assert await announced(till, asked) == ["refund.failed.v1"] * 3

    answer = await decide(till, asked.refund_number, "settle-outside", EVIDENCE)
    assert (answer.status_code, answer.json()["refund_status"], answer.json()["settled_outside"]) == (
        201,
        "succeeded",
        EVIDENCE["evidence"],
    )
    assert (await announced(till, asked))[-1] == "refund.succeeded.v1"
    assert entries(await till.detail(order))[6:] == [
        ("settled_outside", "refunds_payable", 400),
        ("settled_outside", "merchant_account", -400),
    ]


async def test_a_refund_settled_outside_is_owed_no_more_and_the_books_say_who_paid(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    finance = till.shop.as_operator("finance")
    answers = await asyncio.gather(
        *(decide(till, asked.refund_number, "settle-outside", EVIDENCE, key=str(n)) for n in range(16))
    )
    one_of_many(answers, 201)
    again = await decide(till, asked.refund_number, "settle-outside", EVIDENCE, by=finance)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/payment/refund-not-failed")
    detail = await till.detail(order)
    assert (detail["refunds"][0]["status"], detail["refunds"][0]["settled_outside"]) == (
        "succeeded",
        EVIDENCE["evidence"],
    )
    assert entries(detail)[4:] == [
        ("settled_outside", "refunds_payable", 400),
        ("settled_outside", "merchant_account", -400),
    ]
    assert await announced(till, asked) == ["refund.failed.v1", "refund.succeeded.v1"]
    for what, body in (("retry", {}), ("redirect", MERCHANT)):
        assert (await decide(till, asked.refund_number, what, body)).status_code == 409
    # WeChat says ABNORMAL again: known. It says that it paid as well: a person must look.
    await till.notice(order["order_number"], event="refund", new_id=True)
    assert (await till.detail(order))["disputed_at"] is None
    await till.pay_refund_by_hand(asked.refund_number)
    confirmed = await till.notice(order["order_number"], event="refund", new_id=True)
    assert confirmed["status"] == 204  # it still tells the state of then
    refused = await finance.post(
        "payment",
        f"/operator/payments/{order['order_id']}/dispute-decision",
        {"decision": "agree", "reason": "-"},
        headers={"idempotency-key": "look"},
    )
    assert refused.status_code == 409
    assert "disputed-statement" in await till.security_events(order["order_number"])
    assert len((await till.detail(order))["ledger"]) == 6


async def test_wechat_is_asked_before_anybody_pays_a_second_time(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    await till.pay_refund_by_hand(asked.refund_number)
    refused = await decide(till, asked.refund_number, "settle-outside", EVIDENCE)
    assert refused.status_code == 409
    assert (await till.detail(order))["refunds"][0]["status"] == "succeeded"
    assert await announced(till, asked) == ["refund.failed.v1", "refund.succeeded.v1"]


async def test_nobody_pays_by_himself_while_wechat_is_silent(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    _, asked = abnormal
    match = {"api": "refund_query", "out_refund_no": asked.refund_number}
    await till.wechat.faults({"match": match, "times": 1, "action": {"kind": "error", "status": 500}})
    assert (await decide(till, asked.refund_number, "settle-outside", EVIDENCE)).status_code == 503
    assert (await decide(till, asked.refund_number, "settle-outside", EVIDENCE)).status_code == 201


async def test_a_refund_settled_outside_while_it_waited_for_a_share_is_not_paid_again(
    till: Till, partners: Partners
) -> None:
    order = await partners.shared_order()
    await till.rules(share_return_fails_as="BALANCE_NOT_ENOUGH")
    asked = await till.request_refund(order, 9_980)
    await partners.until_refund(order, "failed")
    assert (await decide(till, asked.refund_number, "settle-outside", EVIDENCE)).status_code == 201
    await till.rules(share_return_fails_as=None)
    await till.react(asked)
    for number in [each["out_return_no"] for each in (await partners.sharing(order))["returns"]]:
        await partners.act(f"/returns/{number}/bear")
    await look(till)
    assert (await till.detail(order))["refunds"][0]["status"] == "succeeded"
    assert await till.platform_refunds(order["order_number"]) == []


@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("kind", "hosts"), [("reset", 2), ("hang", 1)])
async def test_a_redirection_of_unknown_outcome_is_repeated_or_found_by_the_clock(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested], kind: str, hosts: int, effect: bool
) -> None:
    order, asked = abnormal
    finance = till.shop.as_operator("finance")
    await till.rules(refund_settles_after_seconds=600)
    match = {"api": "abnormal_refund", "out_refund_no": asked.refund_number}
    action = {"kind": kind, "effect": effect}
    await till.wechat.faults(ELSEWHERE, {"match": match, "times": 2 * hosts, "action": action})
    for _ in range(2):
        unknown = await decide(till, asked.refund_number, "redirect", CARD, by=finance)
        assert (unknown.status_code, unknown.json()["type"]) == (503, "/problems/payment/provider-silent")
    await look(till)
    found = (await till.detail(order))["refunds"][0]["status"]
    assert found == ("processing" if effect else "failed")
    again = await decide(till, asked.refund_number, "redirect", CARD, by=finance)
    assert (again.status_code, again.json()["refund_status"]) == (202, "processing")
    same = await decide(till, asked.refund_number, "redirect", CARD, by=finance)
    assert (same.status_code, same.content) == (202, again.content)
    await till.advance(minutes=20)
    await till.run_timers()
    await till.advance(minutes=60)
    await till.run_timers()
    assert (await till.detail(order))["refunds"][0]["status"] == "succeeded"
    assert (await announced(till, asked)).count("refund.succeeded.v1") == 1
    assert len(await till.platform_refunds(order["order_number"])) == 1


async def test_what_wechat_refuses_leaves_the_refund_abnormal(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    match = {"api": "abnormal_refund", "out_refund_no": asked.refund_number}
    refusal = {"kind": "error", "status": 403, "code": "USER_ACCOUNT_ABNORMAL"}
    await till.wechat.faults({"match": match, "times": 1, "action": refusal})
    refused = await decide(till, asked.refund_number, "redirect", CARD)
    assert (refused.status_code, refused.json()["code"]) == (409, "USER_ACCOUNT_ABNORMAL")
    assert (await till.detail(order))["refunds"][0]["status"] == "failed"
    assert (await decide(till, asked.refund_number, "redirect", MERCHANT)).status_code == 202


async def test_a_card_that_is_dead_too_makes_it_abnormal_again(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    await till.rules(refund_settles_as="ABNORMAL")
    assert (await decide(till, asked.refund_number, "redirect", CARD, key="first")).status_code == 202
    await look(till)
    await till.wait_for_refund(order, "failed")
    await till.rules(refund_settles_as="SUCCESS")
    assert (await decide(till, asked.refund_number, "redirect", CARD, key="second")).status_code == 202
    await till.wait_for_refund(order, "succeeded")
    *before, last = await announced(till, asked)
    assert (set(before), last) == ({"refund.failed.v1"}, "refund.succeeded.v1")


async def test_sixteen_redirections_at_once_are_one(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    order, asked = abnormal
    await till.rules(refund_settles_after_seconds=5)
    answers = await asyncio.gather(
        *(decide(till, asked.refund_number, "redirect", CARD, key=str(n)) for n in range(16))
    )
    all_of_many(answers, 202)
    await look(till)
    await till.wait_for_refund(order, "succeeded")
    assert (await announced(till, asked)).count("refund.succeeded.v1") == 1
    assert len((await till.detail(order))["ledger"]) == 6


async def test_the_card_is_kept_nowhere_and_logged_nowhere(
    till: Till,
    abnormal: tuple[dict[str, Any], RefundRequested],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, asked = abnormal
    with caplog.at_level(logging.DEBUG):
        assert (await decide(till, asked.refund_number, "redirect", CARD)).status_code == 202
        short = CARD | {"bank_account": "12ab"}
        assert (await decide(till, asked.refund_number, "redirect", short, key="other")).status_code == 422
    tables = await till.rows(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    for table in tables:
        (found,) = await till.rows(
            f'SELECT count(*) AS number FROM "{table["name"]}" AS kept'
            " WHERE CAST(kept AS text) LIKE ANY (CAST(:secrets AS text[]))",
            secrets=[f"%{CARD['bank_account']}%", f"%{CARD['real_name']}%"],
        )
        assert found["number"] == 0, table
    logged = "\n".join(
        record.getMessage() + repr(vars(record)) for record in caplog.records if record.name != "aiosqlite"
    )
    assert CARD["bank_account"] not in logged
    assert CARD["real_name"] not in logged
    (entry,) = await till.rows(
        "SELECT action, after FROM audit_log WHERE subject = :subject",
        subject=f"refund-attempt/{asked.refund_number}",
    )
    assert entry == {"action": "refund-attempt.redirect", "after": {"sent_to": "user_bank_card"}}


async def test_only_an_abnormal_refund_is_decided_and_only_by_finance(
    till: Till, abnormal: tuple[dict[str, Any], RefundRequested]
) -> None:
    _, asked = abnormal
    for role in ("operations", "service_desk", "auditor"):
        operator = till.shop.as_operator(role)
        for what, body in (("redirect", MERCHANT), ("settle-outside", EVIDENCE)):
            assert (await decide(till, asked.refund_number, what, body, by=operator)).status_code == 403
    for body in (
        {},
        {"sent_to": "cash"},
        MERCHANT | {"bank_account": "62258801370"},
        CARD | {"real_name": ""},
    ):
        assert (await decide(till, asked.refund_number, "redirect", body)).status_code == 422, body
    assert (await decide(till, "RUNKNOWN", "redirect", MERCHANT)).status_code == 404
    order = await till.paid_order()
    fine = await till.request_refund(order, 100)
    assert (await decide(till, fine.refund_number, "redirect", MERCHANT)).status_code == 409
    assert (await decide(till, fine.refund_number, "settle-outside", EVIDENCE)).status_code == 409
