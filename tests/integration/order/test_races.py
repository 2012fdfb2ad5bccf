"""Orders under many hands at once, and money that WeChat is difficult about (checklist A and B; K9, K10, K15)."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.order.orders.finish_creation import complete_creation
from shared.events import OrderClosed, OrderPaid, OrderRefunded
from shared.ids import new_id
from tests.integration.order.market import Buyer, Market


async def order_of(market: Market, buyer: Buyer) -> dict[str, Any]:
    (row,) = await market.rows(
        "order", "SELECT id AS order_id, status FROM orders WHERE member_id = :id", id=buyer.member_id
    )
    return row


async def cancel(buyer: Buyer, order: dict[str, Any]) -> httpx.Response:
    return await buyer.post(f"/orders/{order['order_id']}/cancel")


async def test_of_sixteen_orders_at_once_a_member_leaves_five_unpaid(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=160), await market.sku(stock=40)
    body = await market.order_body(buyer, {sku_id: 1}, use_points=10)
    answers = await asyncio.gather(
        *(buyer.post("/orders", body, **{"idempotency-key": str(new_id())}) for _ in range(16))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 11
    assert await market.stock(sku_id) == (40, 5, 0)
    assert await market.points(buyer) == (110, 50)


async def test_cancelling_an_order_that_is_still_being_created_releases_nothing(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=200), await market.sku()
    body = await market.order_body(buyer, {sku_id: 2}, use_points=100)
    with market.crash_at("catalog", "/internal/reservations"):
        await buyer.post("/orders", body, **{"idempotency-key": str(new_id())})
    order = await order_of(market, buyer)
    answers = await asyncio.gather(
        *(cancel(buyer, order) for _ in range(8)), complete_creation(market.resources, order["order_id"])
    )
    refused = [each for each in answers if isinstance(each, httpx.Response) and each.status_code == 409]
    assert {each.json()["order_status"] for each in refused} <= {"creating"}
    await cancel(buyer, order)
    await market.settle()
    assert (await market.history(order))[-1] == (4, "closed")
    assert len(await market.announced(order, OrderClosed)) == 1
    assert await market.stock(sku_id) == (10, 0, 0)
    assert await market.points(buyer) == (200, 0)


async def test_what_changed_since_the_preview_is_told_and_nothing_is_held(market: Market) -> None:
    buyer, product = await market.buyer(), await market.product(skus=2)
    sku = product["skus"][0]
    quantities = {sku["sku_id"]: 1}
    coupon_id = await market.coupon(buyer, threshold_fen=1_000)

    async def refusal(body: dict[str, Any]) -> tuple[int, str]:
        answer = await buyer.post("/orders", body, **{"idempotency-key": str(new_id())})
        return answer.status_code, answer.json()["type"]

    body = await market.order_body(buyer, quantities, coupon_id=coupon_id)
    path = f"/operator/products/{product['product_id']}/skus/{sku['sku_code']}"
    await market.operate("catalog", "PUT", path, {"options": sku["options"], "price_fen": 1_100})
    assert await refusal(body) == (409, "/problems/order/price-changed")

    body = await market.order_body(buyer, quantities)
    reduction = await market.operate(
        "campaign",
        "POST",
        "/operator/full-reductions",
        {
            "name": "满减",
            "tiers": [{"threshold_fen": 1_000, "reduction_fen": 100}],
            "scope": {"kind": "products", "ids": [product["product_id"]]},
        },
    )
    start = f"/operator/full-reductions/{reduction['full_reduction_id']}"
    await market.operate("campaign", "POST", f"{start}/start")
    assert await refusal(body) == (409, "/problems/order/price-changed")
    body = await market.order_body(buyer, quantities)
    await market.operate("campaign", "POST", f"{start}/stop")
    assert await refusal(body) == (409, "/problems/order/price-changed")

    body = await market.order_body(buyer, quantities)
    await market.operate("catalog", "POST", f"/operator/products/{product['product_id']}/unpublish")
    status, type_ = await refusal(body)
    assert (status, type_.startswith("/problems/order/")) == (409, True)
    assert await market.stock(sku["sku_id"]) == (10, 0, 0)
    assert (await buyer.get("/orders")).json()["items"] == []


async def test_a_close_that_wechat_refuses_keeps_everything_held_until_it_is_closed(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    await buyer.post(f"/orders/{order['order_id']}/pay")
    refused = {"kind": "error", "status": 400, "code": "INVALID_REQUEST"}
    await market.shop.wechat.faults({"match": {"api": "close"}, "times": 1, "action": refused})
    answer = await cancel(buyer, order)
    assert (answer.status_code, answer.json()["status"]) == (200, "closing")
    await market.advance(seconds=29)
    assert await market.status(order) == "closing"
    assert await market.stock(sku_id) == (10, 1, 0)
    assert (await buyer.post(f"/orders/{order['order_id']}/pay")).status_code == 409
    await market.advance(minutes=5)
    assert await market.status(order) == "closed"
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_money_that_comes_after_the_close_goes_back_and_the_order_stays_closed(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    await buyer.post(f"/orders/{order['order_id']}/pay")
    wrong = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}
    await market.shop.wechat.faults({"match": {"api": "close"}, "times": 1, "action": wrong})
    assert (await cancel(buyer, order)).json()["status"] == "closed"
    paid = await market.shop.wechat.control.post(
        f"/payments/{order['order_number']}/pay", json={"late": True}
    )
    paid.raise_for_status()
    confirmed = await market.operate("payment", "POST", f"/operator/payments/{order['order_id']}/confirm")
    assert confirmed["finding"] == "surplus"
    await market.refunds_arrive()
    (refund,) = (await market.shop.wechat.control.get(f"/payments/{order['order_number']}")).json()["refunds"]
    assert (refund["out_refund_no"], refund["amount"]["refund"], refund["status"]) == (
        f"SURPLUS-{order['order_number']}",
        order["payable_fen"],
        "SUCCESS",
    )
    assert await market.status(order) == "closed"
    assert await market.announced(order, OrderPaid) == []
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_an_order_of_one_fen_is_paid_and_given_back(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku(price_fen=1)
    freight_coupon = await market.coupon(buyer, kind="freight", amount_fen=0)
    order = await market.paid_order(buyer, {sku_id: 1}, coupon_id=freight_coupon)
    assert (order["payable_fen"], await market.status(order)) == (1, "paid")
    (line,) = (await market.detail(order))["lines"]
    assert (await market.try_refund(order, {line["order_line_id"]: 1})).json()["refund_fen"] == 1
    await market.refunds_arrive()
    assert (await market.detail(order))["refund_summary"] == "full"


async def test_a_discount_that_does_not_divide_goes_back_to_the_fen(market: Market) -> None:
    buyer = await market.buyer()
    skus = [await market.sku(price_fen=price_fen) for price_fen in (333, 334, 335)]
    coupon_id = await market.coupon(buyer, amount_fen=100)
    order = await market.paid_order(buyer, dict.fromkeys(skus, 3), coupon_id=coupon_id)
    assert order["payable_fen"] == 3 * (333 + 334 + 335) - 100 + 800
    back_fen = 0
    for _ in range(3):
        for line in (await market.detail(order))["lines"]:
            refund = (await market.try_refund(order, {line["order_line_id"]: 1})).json()
            back_fen += refund["refund_fen"]
    await market.refunds_arrive()
    assert back_fen == order["payable_fen"]
    detail = await market.detail(order)
    assert (detail["refunded_fen"], detail["refund_summary"]) == (order["payable_fen"], "full")
    assert len(await market.announced(order, OrderRefunded)) == 9


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1", True, None, 1e2, 2**63])
async def test_a_refund_takes_whole_units_only(market: Market, quantity: Any) -> None:
    body = {"lines": [{"order_line_id": str(new_id()), "quantity": quantity}], "reason": "x"}
    answer = await market.shop.as_operator("finance").post(
        "order",
        f"/operator/orders/{new_id()}/refunds",
        body,
        headers={"idempotency-key": str(new_id())},
    )
    assert answer.status_code == 422


async def test_a_year_after_the_payment_nothing_is_refunded(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 1})
    await market.execute(
        "UPDATE orders SET placed_at = placed_at - interval '366 days', paid_at = paid_at - interval '366 days'"
        " WHERE id = :id",
        id=UUID(order["order_id"]),
    )
    (line,) = (await market.detail(order))["lines"]
    refused = await market.try_refund(order, {line["order_line_id"]: 1})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order/not-refundable")


async def test_an_abnormal_refund_that_the_shop_paid_itself_ends_the_orders_refund(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.paid_order(buyer, {sku_id: 1})
    (line,) = (await market.detail(order))["lines"]
    control = market.shop.wechat.control
    (await control.put("/rules", json={"refund_settles_as": "ABNORMAL"})).raise_for_status()
    try:
        refund = (await market.try_refund(order, {line["order_line_id"]: 1})).json()
        await market.refunds_arrive()
    finally:
        (await control.put("/rules", json={"refund_settles_as": "SUCCESS"})).raise_for_status()
    (told,) = (await market.detail(order))["refunds"]
    assert (told["status"], told["failure_reason"]) == ("needs_attention", "WeChat Pay says ABNORMAL")
    attempt = f"/operator/refund-attempts/{refund['refund_number']}"
    await market.operate("payment", "POST", f"{attempt}/redirect", {"sent_to": "merchant_account"})
    await market.advance(seconds=16)
    (told,) = (await market.detail(order))["refunds"]
    assert told["failure_reason"].startswith("the money is in the merchant's bank account")
    await market.operate("payment", "POST", f"{attempt}/settle-outside", {"evidence": "网银转账"})
    await market.settle()
    assert (await market.detail(order))["refund_summary"] == "full"
    assert len(await market.announced(order, OrderRefunded)) == 1
    assert await market.stock(sku_id) == (10, 0, 0)
