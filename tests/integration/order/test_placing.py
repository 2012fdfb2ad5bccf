"""Placing an order: at the agreed price, once, with everything held (K8, K12, K15, P2, section 4.A)."""

import asyncio
from uuid import UUID

import httpx
import pytest

from services.order.orders.domain import MAX_UNPAID_ORDERS
from shared.events import OrderClosed, OrderPlaced
from shared.ids import new_id
from tests.integration.order.market import Market


async def test_an_order_holds_stock_coupon_and_points_at_the_previewed_price(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=400), await market.sku(price_fen=3_000)
    coupon_id = await market.coupon(buyer)
    quote = await market.preview(buyer, {sku_id: 2}, coupon_id=coupon_id, use_points=300)
    assert quote["notes"] == []
    assert (quote["goods_fen"], quote["coupon_discount_fen"], quote["points_used"]) == (6_000, 500, 300)
    assert sum(step["amount_fen"] for step in quote["explanation"]) == quote["payable_fen"]
    assert quote["delivery_address"]["street"] == "北京路 1 号"
    order = await market.order(buyer, {sku_id: 2}, coupon_id=coupon_id, use_points=300)
    assert order["payable_fen"] == quote["payable_fen"]
    assert await market.stock(sku_id) == (10, 2, 0)
    assert await market.points(buyer) == (100, 300)
    assert await market.coupon_state(buyer, coupon_id) == "locked"
    assert await market.history(order) == [(1, "creating"), (2, "pending_pay")]
    (placed,) = await market.announced(order, OrderPlaced)
    assert (placed["payable_fen"], placed["coupon_id"], placed["points_used"]) == (
        order["payable_fen"],
        coupon_id,
        300,
    )


async def test_the_address_is_kept_sealed_and_told_only_to_those_who_need_it(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    path = f"/operator/orders/{order['order_id']}"
    (row,) = await market.rows(
        "order", "SELECT to_jsonb(orders) AS row FROM orders WHERE id = :id", id=UUID(order["order_id"])
    )
    assert "13800138000" not in str(row["row"])
    own = (await buyer.get(f"/orders/{order['order_id']}")).json()
    assert own["delivery_address"]["phone"] == "13800138000"
    for role, phone in (
        ("operations", "13800138000"),
        ("auditor", "138****8000"),
        ("finance", "138****8000"),
    ):
        read = (await market.shop.as_operator(role).get("order", path)).json()
        assert read["delivery_address"]["phone"] == phone


async def test_the_same_key_gives_the_same_order_and_another_body_is_refused(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    body, key = await market.order_body(buyer, {sku_id: 1}), str(new_id())
    first = await buyer.post("/orders", body, **{"idempotency-key": key})
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await market.order_body(buyer, {sku_id: 2})
    refused = await buyer.post("/orders", other, **{"idempotency-key": key})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    without = await buyer.post("/orders", body)
    assert (without.status_code, without.json()["type"]) == (400, "/problems/idempotency-key-missing")
    assert await market.stock(sku_id) == (10, 1, 0)


@pytest.mark.parametrize("scarce", ["nothing", "unit", "slot", "coupon", "cart"])
async def test_one_key_three_times_at_once_makes_one_order_though_there_is_nothing_for_another(
    market: Market, scarce: str
) -> None:
    buyer, sku_id = await market.buyer(), await market.sku(stock=1 if scarce == "unit" else 10)
    wish = {"coupon_id": await market.coupon(buyer)} if scarce == "coupon" else {}
    if scarce == "slot":
        for _ in range(MAX_UNPAID_ORDERS - 1):
            await market.order(buyer, {await market.sku(): 1})
    body, key = await market.order_body(buyer, {sku_id: 1}, **wish), str(new_id())
    if scarce == "cart":
        await buyer.put(f"/cart/lines/{sku_id}", {"quantity": 1})
        body = await market.order_body(buyer, {})

    async def place(after_seconds: float) -> httpx.Response:
        await asyncio.sleep(after_seconds)
        return await buyer.post("/orders", body, **{"idempotency-key": key})

    answers = await asyncio.gather(*(place(seconds) for seconds in (0, 0, 0.02)))
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert made, [answer.text for answer in answers]
    assert {answer.json()["type"] for answer in answers if answer.status_code != 201} <= {
        "/problems/idempotency-in-progress",
        "/problems/busy",
    }
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (again.status_code, again.json()) == (201, made[0])
    assert all(order == made[0] for order in made)
    assert (await market.stock(sku_id))[1] == 1


async def test_of_two_buyers_of_the_last_unit_one_gets_it_and_the_other_learns_what_is_left(
    market: Market,
) -> None:
    sku_id = await market.sku(stock=1)
    buyers = [await market.buyer(), await market.buyer()]
    bodies = [await market.order_body(buyer, {sku_id: 1}) for buyer in buyers]
    keys = [str(new_id()), str(new_id())]
    answers = await asyncio.gather(
        *(
            buyer.post("/orders", body, **{"idempotency-key": key})
            for buyer, body, key in zip(buyers, bodies, keys, strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    loser = next(number for number, answer in enumerate(answers) if answer.status_code == 409)
    problem = answers[loser].json()
    assert problem["type"] == "/problems/catalog/insufficient-stock"
    assert problem["items"] == [{"sku_id": sku_id, "wanted": 1, "available": 0}]
    again = await buyers[loser].post("/orders", bodies[loser], **{"idempotency-key": keys[loser]})
    assert (again.status_code, again.json()) == (409, problem)
    await market.settle()
    assert await market.stock(sku_id) == (1, 1, 0)
    assert (await buyers[loser].get("/orders")).json()["items"] == []


async def test_a_refused_hold_lets_the_others_go(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=300), await market.sku(stock=5)
    coupon_id = await market.coupon(buyer)
    body = await market.order_body(buyer, {sku_id: 5}, coupon_id=coupon_id, use_points=100)
    rival = await market.buyer()
    await market.order(rival, {sku_id: 3})
    refused = await buyer.post("/orders", body, **{"idempotency-key": str(new_id())})
    assert (refused.status_code, refused.json()["items"][0]["available"]) == (409, 2)
    assert await market.coupon_state(buyer, coupon_id) == "available"
    assert await market.points(buyer) == (300, 0)
    (closed,) = await market.rows(
        "order",
        "SELECT id AS order_id, status, close_reason FROM orders WHERE member_id = :id",
        id=buyer.member_id,
    )
    assert (closed["status"], closed["close_reason"]) == ("closed", "refused")
    assert len(await market.announced(closed, OrderClosed)) == 1
    await market.settle()
    assert await market.stock(sku_id) == (5, 3, 0)


async def test_one_coupon_serves_one_of_two_orders_at_once(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    coupon_id = await market.coupon(buyer)
    body = await market.order_body(buyer, {sku_id: 1}, coupon_id=coupon_id)
    answers = await asyncio.gather(
        *(buyer.post("/orders", body, **{"idempotency-key": str(new_id())}) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"].endswith("coupon-not-usable")
    await market.settle()
    assert await market.stock(sku_id) == (10, 1, 0)
    used = await market.try_order(buyer, {sku_id: 1}, coupon_id=coupon_id)
    assert (used.status_code, used.json()["type"]) == (409, "/problems/order/coupon-not-usable")


async def test_a_changed_price_is_told_with_the_new_quote_and_nothing_is_held(market: Market) -> None:
    buyer, product = await market.buyer(), await market.product()
    sku = product["skus"][0]
    body, key = await market.order_body(buyer, {sku["sku_id"]: 1}), str(new_id())
    await market.operate("order", "PUT", "/operator/freight-rule", {"fee_fen": 900, "free_from_fen": 9_900})
    try:
        refused = await buyer.post("/orders", body, **{"idempotency-key": key})
    finally:
        await market.operate(
            "order", "PUT", "/operator/freight-rule", {"fee_fen": 800, "free_from_fen": 9_900}
        )
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/order/price-changed")
    assert problem["quote"]["freight_fen"] == 900
    assert problem["quote"]["quote_fingerprint"] != body["quote_fingerprint"]
    assert await market.stock(sku["sku_id"]) == (10, 0, 0)
    assert (await buyer.get("/orders")).json()["items"] == []
    ordered = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert ordered.status_code == 201


async def test_a_member_may_leave_five_orders_unpaid_and_not_six(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku(stock=20)
    body = await market.order_body(buyer, {sku_id: 1})
    answers = await asyncio.gather(
        *(buyer.post("/orders", body, **{"idempotency-key": str(new_id())}) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 3
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {
        "/problems/order/too-many-unpaid"
    }
    assert await market.stock(sku_id) == (20, 5, 0)
    first = next(answer.json() for answer in answers if answer.status_code == 201)
    cancelled = await buyer.post(f"/orders/{first['order_id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "closed")
    assert (await market.try_order(buyer, {sku_id: 1})).status_code == 201


async def test_one_cart_twice_at_once_makes_one_order(market: Market) -> None:
    buyer, sku_id, other = await market.buyer(), await market.sku(), await market.sku()
    for each in (sku_id, other):
        assert (await buyer.put(f"/cart/lines/{each}", {"quantity": 2})).status_code == 204
    body = await market.order_body(buyer, {})
    answers = await asyncio.gather(
        *(buyer.post("/orders", body, **{"idempotency-key": str(new_id())}) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (await buyer.get("/cart")).json()["lines"] == []
    await market.settle()
    assert await market.stock(sku_id) == (10, 2, 0)
    assert await market.stock(other) == (10, 2, 0)


async def test_buying_at_once_leaves_the_cart_alone(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    await buyer.put(f"/cart/lines/{sku_id}", {"quantity": 2})
    await market.order(buyer, {sku_id: 1})
    assert [line["quantity"] for line in (await buyer.get("/cart")).json()["lines"]] == [2]


async def test_orders_over_the_same_goods_in_opposite_order_all_come_through(market: Market) -> None:
    first, second = await market.sku(stock=50), await market.sku(stock=50)
    buyers = [await market.buyer() for _ in range(6)]
    answers = await asyncio.gather(
        *(
            market.try_order(buyer, {first: 1, second: 1} if number % 2 else {second: 1, first: 1})
            for number, buyer in enumerate(buyers)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 6
    assert await market.stock(first) == await market.stock(second) == (50, 6, 0)


async def test_wishes_that_cannot_be_granted_are_remarks_first_and_problems_then(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=100), await market.sku(price_fen=2_000)
    coupon_id = await market.coupon(buyer, threshold_fen=5_000)
    for wish, code, slug in (
        ({"coupon_id": coupon_id}, "coupon_not_usable", "order/coupon-not-usable"),
        ({"use_points": 5_000}, "points_not_usable", "order/points-not-usable"),
    ):
        quote = await market.preview(buyer, {sku_id: 1}, **wish)
        assert [note["code"] for note in quote["notes"]] == [code]
        refused = await market.try_order(buyer, {sku_id: 1}, **wish)
        assert (refused.status_code, refused.json()["type"]) == (409, f"/problems/{slug}")
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_what_is_not_ours_is_not_found(market: Market) -> None:
    buyer, other, sku_id = await market.buyer(), await market.buyer(), await market.sku()
    foreign_coupon = await market.coupon(other)
    order = await market.order(other, {sku_id: 1})
    for wish in ({"address_id": other.address_id}, {"address_id": str(new_id())}):
        answer = await buyer.post("/checkout/preview", {"lines": [{"sku_id": sku_id, "quantity": 1}]} | wish)
        assert answer.status_code == 404
    for coupon_id in (foreign_coupon, str(new_id())):
        assert (await market.try_order(buyer, {sku_id: 1}, coupon_id=coupon_id)).status_code == 404
    for method, path in (
        ("GET", ""),
        ("POST", "/pay"),
        ("POST", "/cancel"),
        ("POST", "/confirm-receipt"),
        ("GET", "/tracking"),
        ("GET", "/refunds"),
    ):
        for order_id in (order["order_id"], new_id()):
            answer = await buyer.caller.request("order", method, f"/orders/{order_id}{path}")
            assert answer.status_code == 404, (method, path)
    assert await market.status(order) == "pending_pay"


async def test_monstrous_bodies_are_refused_and_change_nothing(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    body = await market.order_body(buyer, {sku_id: 1})
    headers = {"content-type": "application/json", "idempotency-key": str(new_id())}
    deep = b'{"lines":' + b"[" * 40 + b"]" * 40 + b"}"
    huge = b'{"lines":"' + b"x" * 300_000 + b'"}'
    twice = b'{"use_points":0,"use_points":1}'
    for content, status in ((deep, 422), (huge, 413), (twice, 422), (b'{"use_points":NaN}', 422)):
        answer = await buyer.caller.request("order", "POST", "/orders", content=content, headers=headers)
        assert answer.status_code == status
    for field in ("price", "status", "user_id", "payable_fen"):
        answer = await buyer.post("/orders", body | {field: 1}, **{"idempotency-key": str(new_id())})
        assert answer.status_code == 422
    for quantity in (0, -1, 1.5, "1", True, 2**63):
        lines = [{"sku_id": sku_id, "quantity": quantity}]
        assert (await buyer.post("/checkout/preview", {"lines": lines})).status_code == 422
        assert (await buyer.put(f"/cart/lines/{sku_id}", {"quantity": quantity})).status_code == 422
    assert (await buyer.get("/orders")).json()["items"] == []
    assert (await buyer.get("/cart")).json()["lines"] == []
    assert await market.stock(sku_id) == (10, 0, 0)
