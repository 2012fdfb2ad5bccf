"""Many more buyers than units at one moment: the units are sold, all others hear so, soon from memory (P2, P13)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.order.orders.sold_out import REFUSED_SECONDS, RUSH
from services.order.resources import PLACED_AT_ONCE
from shared.ids import new_id
from tests.integration.order.market import Buyer, Market

UNITS, BUYERS = 12, 72
WANTED = RUSH + 2 * PLACED_AT_ONCE
"""So many are refused by the catalog at the most before the others hear it from memory."""


@pytest.fixture(scope="module")
async def buyers(open_market: Market) -> list[Buyer]:
    return [await open_market.buyer() for _ in range(BUYERS)]


async def order(buyer: Buyer, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    return await buyer.post("/orders", body, **{"idempotency-key": key or str(new_id())})


async def orders_of(market: Market, sku_id: str) -> dict[str, int]:
    """How many orders of a SKU were written, by status."""
    rows = await market.rows(
        "order",
        "SELECT o.status, count(*) AS number FROM orders o JOIN order_lines l ON l.order_id = o.id"
        " WHERE CAST(l.sku_id AS text) = :sku_id GROUP BY 1",
        sku_id=sku_id,
    )
    return {row["status"]: row["number"] for row in rows}


@asynccontextmanager
async def rush(buyers: list[Buyer], body: dict[str, Any]) -> AsyncIterator[None]:
    """Buyers who come again and again as long as the block runs, and hear that it is sold out."""
    refused = 0

    async def come(buyer: Buyer) -> None:
        nonlocal refused
        while True:
            refused += (await order(buyer, body)).status_code == 409
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(come(buyer)) for buyer in buyers]
    try:
        while refused < WANTED:
            await asyncio.sleep(0.01)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_in_a_rush_exactly_the_units_are_sold_and_all_others_hear_so(
    market: Market, buyers: list[Buyer]
) -> None:
    sku_id = await market.sku(stock=UNITS)
    body = await market.order_body(buyers[0], {sku_id: 1})
    answers = await asyncio.gather(*(order(buyer, body) for buyer in buyers))
    sold = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert (len(sold), len(refused)) == (UNITS, BUYERS - UNITS)
    assert {answer.status_code for answer in refused} == {409}
    for answer in refused:
        problem = answer.json()
        assert problem["type"] == "/problems/catalog/insufficient-stock"
        assert problem["items"] == [{"sku_id": sku_id, "wanted": 1, "available": 0}]
    await market.settle()
    assert await market.stock(sku_id) == (UNITS, UNITS, 0)
    written = await orders_of(market, sku_id)
    assert written.pop("pending_pay") == UNITS
    assert 0 < written.get("closed", 0) <= WANTED


async def test_a_unit_that_comes_back_in_a_rush_is_sold_within_a_second(
    market: Market, buyers: list[Buyer]
) -> None:
    sku_id = await market.sku(stock=1)
    owner = await market.buyer()
    held = await market.order(owner, {sku_id: 1})
    body = await market.order_body(owner, {sku_id: 1})
    async with rush(buyers[:20], body):
        assert (await owner.post(f"/orders/{held['order_id']}/cancel")).status_code == 200
        began = time.monotonic()
        while (await orders_of(market, sku_id)).get("pending_pay", 0) == 0:
            await asyncio.sleep(0.02)
        assert time.monotonic() - began < 2 * REFUSED_SECONDS, "a second, and what a busy machine takes"
    await market.settle()
    assert await market.stock(sku_id) == (1, 1, 0)


async def test_a_repeat_in_a_rush_gets_what_its_key_has_got_before(
    market: Market, buyers: list[Buyer]
) -> None:
    sku_id, key = await market.sku(stock=1), str(new_id())
    owner = await market.buyer()
    body = await market.order_body(owner, {sku_id: 1})
    first = await order(owner, body, key)
    refused_key = str(new_id())
    refused = await order(buyers[0], body, refused_key)
    assert (first.status_code, refused.status_code) == (201, 409)
    async with rush(buyers[:20], body):
        for _ in range(5):
            again = await order(owner, body, key)
            assert (again.status_code, again.json()) == (201, first.json())
            assert (await order(buyers[0], body, refused_key)).json() == refused.json()
    other = await order(owner, body | {"use_points": 1}, key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await market.stock(sku_id) == (1, 1, 0)


async def test_a_key_that_was_refused_from_memory_may_be_tried_again(
    market: Market, buyers: list[Buyer]
) -> None:
    sku_id = await market.sku(stock=1)
    await market.order(buyers[0], {sku_id: 1})
    body = await market.order_body(buyers[0], {sku_id: 1})

    async def from_memory() -> tuple[Buyer, str]:
        """Somebody new who was refused, and the key of which nothing was written."""
        while True:
            buyer, key = await market.buyer(), str(new_id())
            refused = await order(buyer, body, key)
            assert refused.json()["type"] == "/problems/catalog/insufficient-stock"
            query = "SELECT FROM orders WHERE member_id = :id"
            if not await market.rows("order", query, id=buyer.member_id):
                return buyer, key

    async with rush(buyers[:20], body):
        buyer, key = await from_memory()
    path = f"/operator/skus/{sku_id}/stock-adjustments"
    await market.operate("catalog", "POST", path, {"change": 1, "reason": "到货"})
    await asyncio.sleep(REFUSED_SECONDS)
    placed = await order(buyer, body, key)
    assert placed.status_code == 201
    assert (await order(buyer, body, key)).json() == placed.json()
    assert await market.stock(sku_id) == (2, 2, 0)


async def test_what_is_odd_hears_in_a_rush_what_it_hears_without_one(
    market: Market, buyers: list[Buyer]
) -> None:
    sku_id = await market.sku(stock=1)
    await market.order(buyers[0], {sku_id: 1})
    body, key = await market.order_body(buyers[0], {sku_id: 1}), {"idempotency-key": str(new_id())}
    line, good = f'{{"sku_id": "{sku_id}", "quantity": 1}}', json.dumps(body).encode()
    fingerprint = f'"quote_fingerprint": "{body["quote_fingerprint"]}"'
    odd: list[tuple[bytes, dict[str, str], int]] = [
        (good, {}, 400),
        (good, {"idempotency-key": "k" * 256}, 422),
        (good, {"idempotency-key": "k\u007f"}, 400),
        (b"{", key, 422),
        (json.dumps(body | {"total_fen": 1}).encode(), key, 422),
        (good.replace(b'"quantity": 1', b'"quantity": "1"'), key, 422),
        (good.replace(b'"quantity": 1', b'"quantity": 1, "quantity": 2'), key, 422),
        (f'{{"lines": [{line}, {line}], {fingerprint}}}'.encode(), key, 422),
    ]

    async def answers() -> list[tuple[int, bytes]]:
        found = []
        for content, headers, _ in odd:
            sent = {"content-type": "application/json", **headers}
            answer = await buyers[1].caller.request("order", "POST", "/orders", content=content, headers=sent)
            found.append((answer.status_code, answer.content))
        return found

    calm = await answers()
    assert [status for status, _ in calm] == [status for _, _, status in odd]
    async with rush(buyers[:20], body):
        assert await answers() == calm
        spelled = {"content-type": "application/json; charset=utf-8", "idempotency-key": str(new_id())}
        refused = await buyers[1].caller.request("order", "POST", "/orders", content=good, headers=spelled)
        anonymous = await market.shop.as_anonymous().post("order", "/orders", body, headers=key)
    assert refused.json()["items"] == [{"sku_id": sku_id, "wanted": 1, "available": 0}]
    assert anonymous.status_code == 401


async def test_a_rush_for_one_item_keeps_nobody_from_ordering_another(
    market: Market, buyers: list[Buyer]
) -> None:
    first, second = await market.buyer(), await market.buyer()
    hot, calm = await market.sku(stock=1), await market.sku(stock=2)
    await market.order(first, {hot: 1})
    body = await market.order_body(first, {hot: 1})
    other = await market.order_body(first, {calm: 1})
    async with rush(buyers[:20], body):
        assert (await order(first, other)).status_code == 201
        assert (await order(second, other)).status_code == 201
    assert (await market.stock(hot), await market.stock(calm)) == ((1, 1, 0), (2, 2, 0))
