"""Parcels: sent, reported to WeChat, followed, received (OR-03, OR-14)."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import httpx
import orjson

from shared.events import OrderCompleted, OrderShipped
from shared.ids import new_id
from tests.integration.order.market import Buyer, Market


async def two_lines(market: Market) -> tuple[Buyer, dict[str, Any], str, str]:
    """A paid order of two of one SKU and three of another, and the ids of its lines."""
    buyer, first, second = await market.buyer(), await market.sku(), await market.sku()
    order = await market.paid_order(buyer, {first: 2, second: 3})
    ids = {line["sku_id"]: line["order_line_id"] for line in (await market.detail(order))["lines"]}
    return buyer, order, ids[first], ids[second]


async def reported(market: Market, order: dict[str, Any]) -> dict[str, Any]:
    """What WeChat knows of an order's parcels."""
    answer = await market.shop.wechat.control.get(f"/payments/{order['order_number']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["shipping"])


async def test_an_order_sent_at_once_is_reported_and_completed_by_its_buyer(market: Market) -> None:
    buyer, order, _, _ = await two_lines(market)
    parcel = await market.ship(order)
    assert sorted(line["quantity"] for line in parcel["lines"]) == [2, 3]
    await market.settle()
    assert await market.status(order) == "shipped"
    (shipped,) = await market.announced(order, OrderShipped)
    assert (shipped["is_complete"], shipped["carrier"]) == (True, "ZTO")
    (told,) = (await market.detail(order))["shipments"]
    assert (told["upload_status"], told["upload_error"]) == ("uploaded", None)
    known = await reported(market, order)
    assert (known["delivery_mode"], len(known["parcels"])) == (1, 1)
    assert known["parcels"][0]["tracking_no"] == parcel["tracking_number"]
    answers = await asyncio.gather(
        *(buyer.post(f"/orders/{order['order_id']}/confirm-receipt") for _ in range(3))
    )
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "completed")] * 3
    (completed,) = await market.announced(order, OrderCompleted)
    assert completed["completed_by"] == "member"


async def test_an_order_sent_in_parcels_is_reported_parcel_by_parcel(market: Market) -> None:
    buyer, order, first, second = await two_lines(market)
    await market.ship(order, {first: 1, second: 2})
    await market.settle()
    assert await market.status(order) == "partly_shipped"
    early = await buyer.post(f"/orders/{order['order_id']}/confirm-receipt")
    assert (early.status_code, early.json()["order_status"]) == (409, "partly_shipped")
    await market.ship(order, {second: 1})
    await market.ship(order)
    await market.settle()
    assert [entry[1] for entry in await market.history(order)][2:] == ["paid", "partly_shipped", "shipped"]
    shipped = await market.announced(order, OrderShipped)
    assert [event["is_complete"] for event in shipped] == [False, False, True]
    assert {each["upload_status"] for each in (await market.detail(order))["shipments"]} == {"uploaded"}
    known = await reported(market, order)
    assert (known["delivery_mode"], len(known["parcels"]), known["finished"]) == (2, 3, 1)


async def test_nothing_is_sent_twice_nor_before_it_is_paid(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    unpaid = await market.order(buyer, {sku_id: 1})
    operator = market.shop.as_operator("operations")

    async def send(order: dict[str, Any], units: dict[str, int] | None, key: str = "") -> httpx.Response:
        lines = units and [{"order_line_id": line, "quantity": count} for line, count in units.items()]
        body = {"carrier": "SF", "tracking_number": "SF1000"} | ({"lines": lines} if lines else {})
        return await operator.post(
            "order",
            f"/operator/orders/{order['order_id']}/shipments",
            body,
            headers={"idempotency-key": key or str(new_id())},
        )

    assert (await send(unpaid, None)).json()["order_status"] == "pending_pay"
    _, order, first, second = await two_lines(market)
    assert (await send(order, {first: 3})).json()["unshipped_quantity"] == 2
    assert (await send(order, {str(new_id()): 1})).status_code == 422
    answers = await asyncio.gather(*(send(order, {first: 2}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    key = str(new_id())
    once, again = await send(order, {second: 3}, key), await send(order, {second: 3}, key)
    assert (once.status_code, once.json()) == (again.status_code, again.json()) == (201, once.json())
    assert (await send(order, None)).json()["order_status"] == "shipped"
    as_finance = await market.shop.as_operator("finance").post(
        "order", f"/operator/orders/{order['order_id']}/shipments", {"carrier": "SF", "tracking_number": "1"}
    )
    assert as_finance.status_code == 403


async def test_an_order_that_nobody_confirms_is_received_after_ten_days(market: Market) -> None:
    _, order, _, _ = await two_lines(market)
    await market.ship(order)
    await market.advance(days=9, hours=23)
    assert await market.status(order) == "shipped"
    await market.advance(hours=2)
    assert await market.status(order) == "completed"
    (completed,) = await market.announced(order, OrderCompleted)
    assert completed["completed_by"] == "system"


async def test_reporting_goes_on_after_wechat_was_busy_and_ends_when_it_refuses(market: Market) -> None:
    _, order, first, second = await two_lines(market)
    busy = {"match": {"api": "shipping"}, "times": 1, "action": {"kind": "errcode", "errcode": -1}}
    await market.shop.wechat.faults(busy)
    await market.ship(order, {first: 2})
    await market.settle()
    (told,) = (await market.detail(order))["shipments"]
    assert (told["upload_status"], told["upload_attempts"]) == ("pending", 1)
    await market.shop.wechat.faults()
    await market.advance(seconds=11)
    (told,) = (await market.detail(order))["shipments"]
    assert (told["upload_status"], told["upload_attempts"]) == ("uploaded", 2)
    await market.ship(order, {second: 3}, carrier="NOBODY")
    await market.settle()
    refused = (await market.detail(order))["shipments"][1]
    assert refused["upload_status"] == "refused"
    assert refused["upload_error"]


async def push(market: Market, body: dict[str, Any], *, secret: str | None = None) -> httpx.Response:
    """The carrier adapter pushes tracking events."""
    content = orjson.dumps(body)
    key = secret or market.resources.settings.logistics_secret.get_secret_value()
    signature = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return await market.shop.as_anonymous().request(
        "order",
        "POST",
        "/callbacks/logistics",
        content=content,
        headers={"content-type": "application/json", "x-logistics-signature": signature},
    )


async def test_tracking_is_taken_signed_once_and_in_any_order(market: Market) -> None:
    buyer, order, _, _ = await two_lines(market)
    parcel = await market.ship(order)
    at = market.clock.now()

    def said(minutes: int, status: str) -> dict[str, Any]:
        occurred_at = (at + timedelta(minutes=minutes)).isoformat()
        return {"occurred_at": occurred_at, "status": status, "description": f"{status}!", "location": "昆明"}

    name = {"carrier": parcel["carrier"], "tracking_number": parcel["tracking_number"]}
    late, early = name | {"events": [said(90, "delivered")]}, name | {"events": [said(1, "collected")]}
    assert (await push(market, late, secret="guess")).status_code == 401
    for body in (late, early, late, early):
        assert (await push(market, body)).status_code == 204
    stranger = name | {"tracking_number": "ZTO-unknown", "events": [said(1, "collected")]}
    assert (await push(market, stranger)).status_code == 404
    assert (await push(market, name | {"events": [said(1, "teleported")]})).status_code == 422
    (tracked,) = (await buyer.get(f"/orders/{order['order_id']}/tracking")).json()["shipments"]
    assert tracked["status"] == "delivered"
    assert [event["status"] for event in tracked["events"]] == ["delivered", "collected"]
