"""A crash or an outage while placing: finished or compensated within a minute, never half done (K9, K15, 4.A, 4.E)."""

import asyncio
from uuid import UUID

import pytest

from services.order.orders.domain import OrderStatus
from services.order.orders.finish_creation import complete_creation
from shared.events import OrderClosed, OrderPlaced
from shared.ids import new_id
from tests.integration.order.market import Market


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("catalog", "/internal/reservations"),
        ("campaign", "/internal/coupon-locks"),
        ("member", "/internal/points-holds"),
    ],
)
async def test_a_crash_between_the_holds_is_finished_by_the_completer(
    market: Market, service: str, path: str
) -> None:
    buyer, sku_id = await market.buyer(points=200), await market.sku()
    coupon_id = await market.coupon(buyer)
    wish = {"coupon_id": coupon_id, "use_points": 100}
    body, key = await market.order_body(buyer, {sku_id: 2}, **wish), str(new_id())
    with market.crash_at(service, path):
        assert (await buyer.post("/orders", body, **{"idempotency-key": key})).status_code == 500
    (row,) = await market.rows(
        "order", "SELECT id AS order_id, status FROM orders WHERE member_id = :id", id=buyer.member_id
    )
    assert row["status"] == "creating"
    waiting = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/idempotency-in-progress")
    cancelling = await buyer.post(f"/orders/{row['order_id']}/cancel")
    assert (cancelling.status_code, cancelling.json()["order_status"]) == (409, "creating")
    await market.advance(seconds=30)
    assert await market.history(row) == [(1, "creating"), (2, "pending_pay")]
    assert await market.stock(sku_id) == (10, 2, 0)
    assert await market.points(buyer) == (100, 100)
    assert await market.coupon_state(buyer, coupon_id) == "locked"
    assert len(await market.announced(row, OrderPlaced)) == 1
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (again.status_code, again.json()["order_id"]) == (201, str(row["order_id"]))


async def test_a_crash_before_a_refused_hold_is_compensated_by_the_completer(market: Market) -> None:
    buyer, rival, sku_id = await market.buyer(points=200), await market.buyer(), await market.sku(stock=2)
    body, key = await market.order_body(buyer, {sku_id: 2}, use_points=100), str(new_id())
    await market.order(rival, {sku_id: 1})
    with market.crash_at("catalog", "/internal/reservations"):
        assert (await buyer.post("/orders", body, **{"idempotency-key": key})).status_code == 500
    await market.advance(seconds=30)
    (row,) = await market.rows(
        "order",
        "SELECT id AS order_id, status, close_reason FROM orders WHERE member_id = :id",
        id=buyer.member_id,
    )
    assert (row["status"], row["close_reason"]) == ("closed", "refused")
    assert await market.stock(sku_id) == (2, 1, 0)
    assert await market.points(buyer) == (200, 0)
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/catalog/insufficient-stock")


async def test_an_order_given_up_by_the_completer_cannot_be_opened_by_the_one_who_was_slow(
    market: Market,
) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    body, key = await market.order_body(buyer, {sku_id: 1}), str(new_id())
    with market.crash_at("catalog", "/internal/reservations"):
        await buyer.post("/orders", body, **{"idempotency-key": key})
    (row,) = await market.rows(
        "order", "SELECT id AS order_id FROM orders WHERE member_id = :id", id=buyer.member_id
    )
    order_id = UUID(str(row["order_id"]))
    with market.away("catalog"):
        await complete_creation(market.resources, order_id)
    await complete_creation(market.resources, order_id)
    await market.settle()
    assert await market.history(row) == [(1, "creating"), (2, "closed")]
    assert await market.stock(sku_id) == (10, 0, 0)
    late = await market.shop.as_service("order").put(
        "catalog",
        f"/internal/reservations/{order_id}",
        {"member_id": str(buyer.member_id), "lines": [{"sku_id": sku_id, "quantity": 1}]},
    )
    assert (late.status_code, late.json()["type"]) == (409, "/problems/catalog/reservation-released")
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert again.status_code == 201
    assert again.json()["order_id"] != str(order_id)


async def test_two_who_finish_a_placing_at_once_open_the_order_once(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    await buyer.put(f"/cart/lines/{sku_id}", {"quantity": 2})
    body = await market.order_body(buyer, {})
    with market.crash_at("catalog", "/internal/reservations"):
        await buyer.post("/orders", body, **{"idempotency-key": str(new_id())})
    (row,) = await market.rows(
        "order", "SELECT id AS order_id FROM orders WHERE member_id = :id", id=buyer.member_id
    )
    order_id = UUID(str(row["order_id"]))
    await asyncio.gather(*(complete_creation(market.resources, order_id) for _ in range(4)))
    await market.settle()
    assert await market.history(row) == [(1, "creating"), (2, "pending_pay")]
    assert len(await market.announced(row, OrderPlaced)) == 1
    assert await market.stock(sku_id) == (10, 2, 0)
    assert (await buyer.get("/cart")).json()["lines"] == []


async def test_a_hold_without_an_answer_closes_the_order_and_frees_the_key(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=100), await market.sku()
    body, key = await market.order_body(buyer, {sku_id: 1}, use_points=100), str(new_id())
    with market.mute_at("member", "/internal/points-holds"):
        answer = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/service-unavailable")
    await market.settle()
    (row,) = await market.rows(
        "order", "SELECT id AS order_id, status FROM orders WHERE member_id = :id", id=buyer.member_id
    )
    assert row["status"] == OrderStatus.CLOSED
    (closed,) = await market.announced(row, OrderClosed)
    assert closed["reason"] == "unavailable"
    assert await market.stock(sku_id) == (10, 0, 0)
    assert await market.points(buyer) == (100, 0)
    again = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert again.status_code == 201
    assert await market.stock(sku_id) == (10, 1, 0)


async def test_without_the_catalog_checkout_is_a_fast_503(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    with market.away("catalog"):
        answer = await buyer.post("/checkout/preview", {"lines": [{"sku_id": sku_id, "quantity": 1}]})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/service-unavailable")


async def test_without_the_campaigns_an_order_is_placed_unless_a_coupon_was_chosen(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    coupon_id = await market.coupon(buyer)
    with market.away("campaign"):
        quote = await market.preview(buyer, {sku_id: 1}, coupon_id=coupon_id)
        assert [note["code"] for note in quote["notes"]] == ["offers_unavailable", "coupon_unchecked"]
        assert (await market.try_order(buyer, {sku_id: 1}, coupon_id=coupon_id)).status_code == 503
        assert (await market.try_order(buyer, {sku_id: 1})).status_code == 201


async def test_without_the_member_service_a_known_address_still_gets_its_order_but_no_points_are_used(
    market: Market,
) -> None:
    buyer, sku_id = await market.buyer(points=500), await market.sku()
    await market.order(buyer, {sku_id: 1})
    with market.away("member"):
        wish = {"address_id": buyer.address_id}
        refused = await market.try_order(buyer, {sku_id: 1}, use_points=100, **wish)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order/points-not-usable")
        unknown = await market.try_order(buyer, {sku_id: 1}, address_id=str(new_id()))
        assert (unknown.status_code, unknown.json()["type"]) == (409, "/problems/order/address-needed")
        order = await market.order(buyer, {sku_id: 1}, **wish)
    assert (await market.detail(order))["delivery_address"]["street"] == "北京路 1 号"
