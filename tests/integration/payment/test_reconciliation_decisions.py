"""What operators do with a day's differences: ask, carry, resolve, and the closing that stays (PY-09, SEC14)."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from shared.ids import new_id
from tests.integration.payment.bookkeeping import Bookkeeping


async def test_the_last_decision_closes_the_day(books: Bookkeeping) -> None:
    day, first, second = await _day_with_two_differences(books)

    resolved = await books.decide(first, "resolve", resolution="provider_corrected", note="微信已更正")
    assert (resolved.status_code, (await books.view(day))["status"]) == (200, "compared")
    answer = resolved.json()
    assert (answer["status"], answer["resolution"], answer["note"]) == (
        "resolved",
        "provider_corrected",
        "微信已更正",
    )
    carried = await books.decide(second, "carry", note="等微信答复")
    assert (carried.json()["status"], carried.json()["resolution"]) == ("carried", None)

    view = await books.view(day)
    assert (view["status"], view["differences"]) == ("closed", {"open": 0, "carried": 1, "resolved": 1})
    assert view["closed_by"] == carried.json()["owner_id"]
    later = await books.decide(second, "resolve", resolution="written_off")
    assert (later.status_code, later.json()["status"]) == (200, "resolved")
    assert (await books.view(day))["closed_at"] == view["closed_at"]


async def test_what_was_decided_stays(books: Bookkeeping) -> None:
    _, first, _ = await _day_with_two_differences(books)
    assert (await books.decide(first, "resolve", resolution="explained")).status_code == 200

    for verb, body in (("resolve", {"resolution": "written_off"}), ("carry", {})):
        refused = await books.decide(first, verb, **body)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/difference-resolved")


async def test_a_decision_is_made_once_and_written_down(books: Bookkeeping) -> None:
    _, first, _ = await _day_with_two_differences(books)
    path = f"/operator/reconciliation-differences/{first['difference_id']}/resolve"
    body = {"resolution": "explained", "note": "重复通知"}
    headers = {"idempotency-key": str(new_id())}
    finance = books.finance

    answers = [await finance.post("payment", path, body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    entries = await books.till.rows(
        "SELECT actor_id, action, after FROM audit_log WHERE subject = :subject",
        subject=f"reconciliation-difference/{first['difference_id']}",
    )
    assert entries == [
        {
            "actor_id": finance.principal.subject,
            "action": "reconciliation-difference.resolve",
            "after": {"status": "resolved", "resolution": "explained", "note": "重复通知"},
        }
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"resolution": "found_next_day", "note": "x"},
        {"resolution": "credited", "note": "x"},
        {"resolution": "explained"},
        {"resolution": "explained", "note": " "},
        {"resolution": "explained", "note": "x", "credit_fen": 1},
    ],
)
async def test_a_decision_needs_a_word_of_ours_and_a_reason(books: Bookkeeping, body: dict[str, Any]) -> None:
    path = f"/operator/reconciliation-differences/{new_id()}/resolve"
    headers = {"idempotency-key": str(new_id())}

    assert (await books.finance.post("payment", path, body, headers=headers)).status_code == 422


async def test_a_difference_that_is_not_there_is_not_found(books: Bookkeeping) -> None:
    assert (await books.decide({"difference_id": new_id()}, "carry")).status_code == 404


async def test_a_day_is_compared_again_on_an_operators_word(books: Bookkeeping) -> None:
    day = await books.new_day()
    order, other = await books.till.paid_order(), await books.till.paid_order()
    await books.damage(("omit", order["order_number"]), ("misstate", other["order_number"]))
    await books.morning_after(day)
    (decided,) = await books.differences(day, kind="amount_differs")
    assert (await books.decide(decided, "resolve", resolution="explained")).status_code == 200
    await books.damage(("misstate", other["order_number"]))

    asked = await books.ask(day)

    assert (asked.status_code, asked.json()["run"], asked.json()["status"]) == (202, 2, "running")
    await books.till.run_timers()
    found = {each["kind"]: each for each in await books.differences(day)}
    assert (found["missing_in_bill"]["status"], found["missing_in_bill"]["resolution"]) == (
        "resolved",
        "gone",
    )
    assert (found["amount_differs"]["resolution"], found["amount_differs"]["note"]) == (
        "explained",
        "核对过了",
    )
    assert found["fund_amount_differs"]["status"] == "open"
    assert (await books.view(day))["bills"]["trade"]["rows_read"] == 2
    rows = await books.till.rows("SELECT row_number FROM trade_bill_rows WHERE bill_on = :day", day=day)
    assert sorted(row["row_number"] for row in rows) == [1, 2]


async def test_a_day_may_be_asked_for_before_its_morning_came(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.till.advance(hours=22, minutes=30)

    asked = await books.ask(day, key="one-key")
    again = await books.ask(day, key="one-key")

    assert (asked.status_code, asked.json()["step"]) == (202, "read_trades")
    assert again.status_code == 202
    await books.till.run_timers()
    assert (await books.view(day))["status"] == "closed"


async def test_only_days_that_have_bills_can_be_asked_for(books: Bookkeeping) -> None:
    today = await books.new_day()

    for day in (today, today + timedelta(days=1), today - timedelta(days=91), date(2000, 1, 1)):
        refused = await books.ask(day)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/bill-not-available")
    assert (await books.view_status(today)) == 404


async def test_a_closed_day_stays_as_it_is(books: Bookkeeping) -> None:
    day = await books.new_day()
    await books.till.paid_order()
    await books.morning_after(day)

    refused = await books.ask(day)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/reconciliation-closed")
    for change in ("DELETE FROM reconciliation_closings", "UPDATE reconciliation_closings SET payments = 0"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with books.till.resources.engine.begin() as connection:
                await connection.exec_driver_sql(change)


async def test_days_and_differences_come_in_pages(books: Bookkeeping) -> None:
    day, *_ = await _day_with_two_differences(books)
    auditor = books.till.shop.as_operator("auditor")

    days = (await auditor.get("payment", "/operator/reconciliations?limit=1&status=compared")).json()
    assert [each["bill_on"] for each in days["items"]] == [str(day)]
    seen, after = [], ""
    for _ in range(2):
        page = (
            await auditor.get("payment", f"/operator/reconciliation-differences?bill_on={day}&limit=1{after}")
        ).json()
        seen += [each["number"] for each in page["items"]]
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert len(set(seen)) == 2
    for path in ("/operator/reconciliations", "/operator/reconciliation-differences"):
        assert (await auditor.get("payment", f"{path}?after=bm9uc2Vuc2U")).status_code == 422


async def test_only_finance_decides_and_only_operators_look(books: Bookkeeping) -> None:
    shop, headers = books.till.shop, {"idempotency-key": str(new_id())}
    body = {"bill_on": "2026-01-02"}
    for role in ("auditor", "operations", "service_desk"):
        refused = await shop.as_operator(role).post(
            "payment", "/operator/reconciliations", body, headers=headers
        )
        assert refused.status_code == 403
    for caller in (shop.as_anonymous(), shop.as_member(), shop.as_service("order")):
        assert (await caller.get("payment", "/operator/reconciliations")).status_code == 401
    assert (await shop.as_operator("owner").get("payment", "/operator/reconciliations")).status_code == 200


async def _day_with_two_differences(books: Bookkeeping) -> tuple[date, dict[str, Any], dict[str, Any]]:
    """A compared day, whose trade bill has two payments in another state."""
    day = await books.new_day()
    one, two = await books.till.paid_order(), await books.till.paid_order()
    await books.damage(("restate", one["order_number"]), ("restate", two["order_number"]))
    await books.morning_after(day)
    first, second = await books.differences(day)
    return day, first, second
