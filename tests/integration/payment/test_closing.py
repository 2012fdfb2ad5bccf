"""Closing never guesses, and money that comes anyway goes back (reliability P5, K15; checklist B)."""

import asyncio

import pytest

from services.payment.payments.domain import LAST_LOOK_AFTER
from shared.ids import new_id
from tests.integration.payment.till import ELSEWHERE, Till, entries, fault

SYSTEM_ERROR = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"}
SAYS_CLOSED = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}


async def test_an_unpaid_payment_is_closed_here_and_at_wechat(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    assert (await till.close(order)).json() == {"status": "closed"}
    assert (await till.close(order)).json() == {"status": "closed"}
    platform = (await till.wechat.control.get(f"/payments/{order['order_number']}")).json()
    assert platform["trade_state"] == "CLOSED"
    refused = await till.put(order)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment/payment-closed")


async def test_an_order_never_heard_of_gets_a_tombstone(till: Till) -> None:
    order = await till.order()
    assert (await till.close(order)).json() == {"status": "closed"}
    assert await till.status(order) == "closed"
    assert (await till.put(order)).status_code == 409
    assert (await till.detail(order))["attempts"] == []


async def test_a_payment_that_was_made_cannot_be_closed(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    assert (await till.close(order)).json() == {"status": "succeeded"}
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]
    assert (await till.close(order)).json() == {"status": "succeeded"}


async def test_a_payment_made_between_the_query_and_the_close_is_taken(till: Till) -> None:
    order = await till.order()
    collected = await till.collect(order)
    await till.wechat.faults(
        ELSEWHERE, fault("query", order, {"kind": "delay", "seconds": 0.4, "effect": True})
    )
    closing = asyncio.create_task(till.close(order))
    await asyncio.sleep(0.2)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    assert (await closing).json() == {"status": "succeeded"}


async def test_one_of_many_closings_and_payments_wins(till: Till) -> None:
    for _ in range(5):
        order = await till.order()
        collected = await till.collect(order)
        pay = till.wechat.control.post(
            f"/payments/{order['order_number']}/pay", json={"request_payment": collected["request_payment"]}
        )
        paid, *closings = await asyncio.gather(pay, *(till.close(order) for _ in range(3)))
        if paid.status_code == 200:
            await till.wait_for(order, "succeeded")
        else:
            assert await till.status(order) == "closed"
        expected = "succeeded" if paid.status_code == 200 else "closed"
        assert {answer.json().get("status") for answer in closings} <= {expected, 503}
        assert all(answer.status_code in (200, 503) for answer in closings)


@pytest.mark.parametrize("api", ["query", "close"])
@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize("action", [SYSTEM_ERROR, {"kind": "hang"}], ids=["system-error", "hang"])
async def test_an_unknown_outcome_is_never_called_closed(
    till: Till, api: str, action: dict[str, object], effect: bool
) -> None:
    order = await till.order()
    await till.collect(order)
    await till.wechat.faults(fault(api, order, action | {"effect": effect}))
    answer = await till.close(order)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/payment/provider-silent")
    assert await till.status(order) == "paying"
    # No prepay_id is handed out any more, and the next try finishes it.
    assert (await till.put(order)).status_code == 409
    assert (await till.close(order)).json() == {"status": "closed"}


async def test_a_close_that_is_refused_is_tried_again_later(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    await till.wechat.faults(
        fault("close", order, {"kind": "error", "status": 400, "code": "INVALID_REQUEST"})
    )
    assert (await till.close(order)).status_code == 503
    assert (await till.close(order)).json() == {"status": "closed"}


async def test_a_prepay_call_still_under_way_may_yet_arrive(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(fault("prepay", order, SYSTEM_ERROR))
    assert (await till.put(order)).status_code == 503
    assert (await till.close(order)).status_code == 503
    await till.advance(seconds=31)
    assert (await till.close(order)).json() == {"status": "closed"}


async def test_an_order_that_queries_do_not_know_yet_is_closed_all_the_same(till: Till) -> None:
    order = await till.order()
    await till.rules(order_known_after_seconds=60)
    await till.collect(order)
    assert (await till.close(order)).json() == {"status": "closed"}


async def test_a_disputed_payment_stays_closing_until_a_person_looks(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    # The shop's books say another amount than WeChat's: nothing may be concluded.
    async with till.resources.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE payments SET amount_fen = 1 WHERE order_id = '{order['order_id']}'"
        )
    assert (await till.close(order)).json() == {"status": "closing"}
    assert await till.status(order) == "paying"
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]


@pytest.mark.parametrize("by", ["notice", "query"])
async def test_money_for_a_closed_payment_goes_back_once(till: Till, by: str) -> None:
    order = await till.order()
    collected = await till.collect(order)
    # WeChat says closed and is wrong about it: the user, in an open cashier, pays late.
    lost = [ELSEWHERE] if by == "query" else []
    await till.wechat.faults(fault("close", order, SAYS_CLOSED), *lost)
    assert (await till.close(order)).json() == {"status": "closed"}
    await till.advance(seconds=30)
    await till.run_timers()
    await till.wechat.pay(order["order_number"], collected["request_payment"], late=True)
    if by == "query":
        await till.advance(minutes=10)
        await till.run_timers()
    else:
        await _until_surplus(till, order)
    detail = await till.detail(order)
    assert (detail["status"], detail["paid_fen"]) == ("closed", 0)
    assert [(each["status"], each["surplus_reason"]) for each in detail["attempts"]] == [
        ("succeeded", "late")
    ]

    await till.ask_until_refunded(order)
    for _ in range(3):
        assert (await till.notice(order["order_number"], new_id=True))["status"] == 204
    await till.run_timers()
    detail = await till.detail(order)
    number = f"SURPLUS-{order['order_number']}"
    assert [(each["refund_number"], each["refund_fen"], each["status"]) for each in detail["refunds"]] == [
        (number, 9_980, "succeeded")
    ]
    assert entries(detail) == [
        ("received", "provider_receivable", 9_980),
        ("received", "surplus_payable", -9_980),
        ("promised", "surplus_payable", 9_980),
        ("promised", "refunds_payable", -9_980),
        ("paid_out", "refunds_payable", 9_980),
        ("paid_out", "provider_receivable", -9_980),
    ]
    assert [each["out_refund_no"] for each in await till.platform_refunds(order["order_number"])] == [number]
    ((type_, data),) = await till.announced(collected["payment_id"])
    assert (type_, data["amount_fen"], data["reason"]) == ("surplus.refunded.v1", 9_980, "late")


async def test_an_order_that_a_query_finds_closed_is_looked_at_once_more(till: Till) -> None:
    """A slow bank may pay it all the same, and that notice may be lost."""
    order = await till.order()
    await till.collect(order)
    await till.wechat.faults(fault("close", order, SYSTEM_ERROR | {"effect": True}))
    assert (await till.close(order)).status_code == 503
    assert (await till.close(order)).json() == {
        "status": "closed"
    }  # as the query says: nobody heard the close
    (look,) = await till.rows(
        "SELECT due_at FROM timers WHERE kind = 'payment.query-attempt' AND key = :number",
        number=order["order_number"],
    )
    assert look["due_at"] == till.clock.now() + LAST_LOOK_AFTER
    await till.advance(minutes=10)
    await till.run_timers()
    assert await till.rows("SELECT FROM timers WHERE key = :number", number=order["order_number"]) == []


async def test_a_second_payment_goes_back_once(till: Till) -> None:
    order = await till.order()
    first = await till.collect(order)
    # The first number is said to be spent and closed, wrongly; then both are paid.
    await till.wechat.faults(fault("prepay", order, SAYS_CLOSED), fault("close", order, SAYS_CLOSED))
    async with till.resources.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE attempts SET prepay_id = NULL WHERE out_trade_no = '{order['order_number']}'"
        )
    second = await till.collect(order)
    await till.wechat.pay(f"{order['order_number']}-2", second["request_payment"])
    await till.wait_for(order, "succeeded")
    await till.wechat.pay(order["order_number"], first["request_payment"])
    await _until_surplus(till, order)
    await till.ask_until_refunded(order)
    detail = await till.detail(order)
    assert (detail["status"], detail["paid_fen"], detail["refunded_fen"]) == ("succeeded", 9_980, 0)
    assert [(each["number"], each["surplus_reason"]) for each in detail["attempts"]] == [
        (1, "duplicate"),
        (2, None),
    ]
    assert [(each["kind"], each["refund_fen"], each["status"]) for each in detail["refunds"]] == [
        ("surplus", 9_980, "succeeded")
    ]
    types = [type_ for type_, _ in await till.announced(second["payment_id"])]
    assert types == ["payment.succeeded.v1", "surplus.refunded.v1"]


async def test_closing_needs_an_order(till: Till) -> None:
    assert (
        await till.shop.as_service("order").get("payment", f"/internal/payments/{new_id()}")
    ).status_code == 404


async def _until_surplus(till: Till, order: dict[str, object]) -> None:
    async with asyncio.timeout(5):
        while not (await till.detail(order))["refunds"]:
            await asyncio.sleep(0.02)
