"""Money back by line and quantity, never more than was paid, each once (PY-08, P8, M4, M5)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from shared.events import OrderRefunded, RefundFailed, RefundRequested, RefundSucceeded
from shared.ids import new_id
from tests.integration.order.market import Market


async def line_ids(market: Market, order: dict[str, Any]) -> list[str]:
    return [line["order_line_id"] for line in (await market.detail(order))["lines"]]


async def test_units_of_an_unshipped_order_go_back_with_stock_points_and_at_last_coupon_and_freight(
    market: Market,
) -> None:
    buyer, sku_id = await market.buyer(points=300), await market.sku(price_fen=2_000)
    coupon_id = await market.coupon(buyer)
    order = await market.paid_order(buyer, {sku_id: 3}, coupon_id=coupon_id, use_points=300)
    goods_fen = 6_000 - 500 - 300
    assert order["payable_fen"] == goods_fen + 800
    (line,) = await line_ids(market, order)
    first = (await market.try_refund(order, {line: 1})).json()
    assert (first["status"], first["freight_fen"], first["points_returned"]) == ("requested", 0, 100)
    await market.refunds_arrive()
    detail = await market.detail(order)
    assert (detail["refund_summary"], detail["refunded_fen"]) == ("partial", first["refund_fen"])
    assert await market.coupon_state(buyer, coupon_id) == "used"
    assert (await market.stock(sku_id))[2] == 2
    last = (await market.try_refund(order, {line: 2})).json()
    await market.refunds_arrive()
    assert first["refund_fen"] + last["refund_fen"] == order["payable_fen"]
    assert (last["freight_fen"], last["points_returned"]) == (800, 200)
    detail = await market.detail(order)
    assert (detail["status"], detail["refund_summary"]) == ("paid", "full")
    events = await market.announced(order, OrderRefunded)
    assert [(event["is_full"], event["refund_fen"]) for event in events] == [
        (False, first["refund_fen"]),
        (True, last["refund_fen"]),
    ]
    for event in events:
        in_lines = sum(line["amount_fen"] for line in event["lines"])
        assert in_lines + event["freight_fen"] == event["refund_fen"]
    assert await market.coupon_state(buyer, coupon_id) == "available"
    assert await market.stock(sku_id) == (10, 0, 0)
    assert (await market.points(buyer))[0] == 300
    shown = (await buyer.get(f"/orders/{order['order_id']}/refunds")).json()
    assert [refund["status"] for refund in shown] == ["succeeded", "succeeded"]
    nothing_left = await market.shop.as_operator("operations").post(
        "order",
        f"/operator/orders/{order['order_id']}/shipments",
        {"carrier": "SF", "tracking_number": "SF1"},
        headers={"idempotency-key": str(new_id())},
    )
    assert (nothing_left.status_code, nothing_left.json()["type"]) == (409, "/problems/order/nothing-to-ship")


async def test_many_who_refund_at_once_never_give_more_back_than_was_bought(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku(price_fen=333)
    order = await market.paid_order(buyer, {sku_id: 5})
    (line,) = await line_ids(market, order)
    answers = await asyncio.gather(*(market.try_refund(order, {line: 2}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, 201] + [409] * 6
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {
        "/problems/order/not-refundable"
    }
    assert (await market.try_refund(order, {line: 1})).status_code == 201
    await market.refunds_arrive()
    detail = await market.detail(order)
    assert (detail["refunded_fen"], detail["refund_summary"]) == (order["payable_fen"], "full")
    assert sum(refund["refund_fen"] for refund in detail["refunds"]) == order["payable_fen"]
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_the_database_itself_refuses_more_than_was_paid(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 1})
    for statement in (
        "UPDATE orders SET refunded_fen = payable_fen + 1 WHERE id = :id",
        "UPDATE order_lines SET refunded_quantity = 2 WHERE order_id = :id",
        "UPDATE order_lines SET refunded_fen = payable_fen + 1 WHERE order_id = :id",
        "UPDATE order_lines SET shipped_quantity = 2 WHERE order_id = :id",
    ):
        with pytest.raises(IntegrityError):
            await market.execute(statement, id=UUID(order["order_id"]))


async def test_the_same_key_refunds_once_and_strange_wishes_are_refused(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    unpaid = await market.order(buyer, {sku_id: 1})
    (open_line,) = await line_ids(market, unpaid)
    assert (await market.try_refund(unpaid, {open_line: 1})).json()["order_status"] == "pending_pay"
    order = await market.paid_order(buyer, {sku_id: 3})
    (line,) = await line_ids(market, order)
    key, operator = str(new_id()), market.shop.as_operator("finance")
    answers = [await market.try_refund(order, {line: 1}, key=key, operator=operator) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = await market.try_refund(order, {line: 2}, key=key, operator=operator)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await market.try_refund(order, {open_line: 1})).status_code == 422
    assert (await market.try_refund(order, {line: 3})).status_code == 409
    assert (await market.try_refund({"order_id": new_id()}, {line: 1})).status_code == 404
    for role in ("auditor", "service_desk"):
        refused = await market.shop.as_operator(role).post(
            "order", f"/operator/orders/{order['order_id']}/refunds", {"lines": [], "reason": "x"}
        )
        assert refused.status_code == 403
    assert len(await market.announced(order, RefundRequested)) == 1
    await market.settle()


async def test_after_shipping_the_freight_stays_unless_an_operator_gives_it_back(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    for include_freight, freight_fen in ((None, 0), (False, 0), (True, 800)):
        order = await market.paid_order(buyer, {sku_id: 1})
        (line,) = await line_ids(market, order)
        await market.ship(order)
        refund = (await market.try_refund(order, {line: 1}, include_freight=include_freight)).json()
        assert (refund["refund_fen"], refund["freight_fen"]) == (1_000 + freight_fen, freight_fen)
    await market.settle()


async def test_when_the_rest_is_refunded_the_last_parcel_was_the_last(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 3})
    (line,) = await line_ids(market, order)
    await market.ship(order, {line: 1})
    await market.settle()
    assert (await market.try_refund(order, {line: 2})).status_code == 201
    await market.refunds_arrive()
    detail = await market.detail(order)
    assert (detail["status"], detail["refund_summary"]) == ("shipped", "partial")
    (parcel,) = detail["shipments"]
    assert (parcel["upload_status"], parcel["upload_error"]) == ("uploaded", None)
    answer = await market.shop.wechat.control.get(f"/payments/{order['order_number']}")
    assert answer.json()["shipping"]["finished"] == 1
    received = await buyer.post(f"/orders/{order['order_id']}/confirm-receipt")
    assert received.json()["status"] == "completed"


async def test_units_that_cost_only_points_go_back_without_the_payment_service(market: Market) -> None:
    buyer, gift = await market.buyer(), await market.sku(price_fen=0)
    order = await market.paid_order(buyer, {gift: 2})
    (line,) = await line_ids(market, order)
    refund = (await market.try_refund(order, {line: 1})).json()
    assert (refund["refund_fen"], refund["status"]) == (0, "succeeded")
    assert await market.announced(order, RefundRequested) == []
    (event,) = await market.announced(order, OrderRefunded)
    assert (event["refund_fen"], event["is_full"]) == (0, False)
    await market.settle()
    assert (await market.stock(gift))[2] == 1


def succeeded(refund: dict[str, Any], market: Market, **values: Any) -> RefundSucceeded:
    told: dict[str, Any] = {
        "refund_id": refund["refund_id"],
        "order_id": refund["order_id"],
        "payment_id": new_id(),
        "refund_fen": refund["refund_fen"],
        "refunded_at": market.clock.now(),
    }
    return RefundSucceeded.model_validate(told | values)


async def test_a_refund_that_fails_waits_for_an_operator_and_is_tried_again_under_its_number(
    market: Market,
) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 1})
    (line,) = await line_ids(market, order)
    unreachable = {"match": {"api": "refund"}, "times": 99, "action": {"kind": "error", "status": 500}}
    await market.shop.wechat.faults(unreachable)
    try:
        refund = (await market.try_refund(order, {line: 1})).json()
        failed = RefundFailed.model_validate(
            {
                "refund_id": refund["refund_id"],
                "order_id": refund["order_id"],
                "payment_id": new_id(),
                "reason": "ABNORMAL",
                "failed_at": market.clock.now(),
            }
        )
        await market.hear(failed)
        finance = market.shop.as_operator("finance")
        listed = (await finance.get("order", "/operator/refunds?status=needs_attention")).json()["items"]
        mine = next(each for each in listed if each["refund_id"] == refund["refund_id"])
        assert mine["failure_reason"] == "ABNORMAL"
        retried = await finance.post("order", f"/operator/refunds/{refund['refund_id']}/retry")
        assert (retried.status_code, retried.json()["status"]) == (200, "requested")
        twice = await finance.post("order", f"/operator/refunds/{refund['refund_id']}/retry")
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/order/refund-not-to-retry")
        asked = await market.announced(order, RefundRequested)
        assert [event["refund_number"] for event in asked] == [refund["refund_number"]] * 2
        await asyncio.gather(*(market.hear(succeeded(refund, market)) for _ in range(3)))
        await market.hear(failed)
    finally:
        await market.shop.wechat.faults()
    assert len(await market.announced(order, OrderRefunded)) == 1
    assert (await market.detail(order))["refunds"][0]["status"] == "succeeded"
    await market.settle()


async def test_what_operators_do_with_money_and_parcels_is_in_the_audit_log(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 2})
    (line,) = await line_ids(market, order)
    await market.ship(order, {line: 1})
    refund = (await market.try_refund(order, {line: 1})).json()
    logged = await market.rows(
        "order",
        "SELECT action, after FROM audit_log WHERE subject = :subject ORDER BY position",
        subject=f"order/{order['order_id']}",
    )
    assert [entry["action"] for entry in logged] == ["order.ship", "refund.request"]
    assert logged[1]["after"] == {
        "refund_number": refund["refund_number"],
        "refund_fen": refund["refund_fen"],
        "reason": "不想要了",
    }
    await market.settle()
