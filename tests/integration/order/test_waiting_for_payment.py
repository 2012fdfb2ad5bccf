"""A client waits for its payment instead of looking again and again (OR-11)."""

import asyncio
from typing import Any

import httpx
import pytest

from services.order.orders.status_watch import LOOK_SECONDS
from tests.integration.order.market import Buyer, Market, payment_succeeded
from tests.support.statements import heard


async def status(buyer: Buyer, order: dict[str, Any], *, wait_seconds: int | str) -> httpx.Response:
    return await buyer.get(f"/orders/{order['order_id']}/status?wait_seconds={wait_seconds}")


async def test_who_waits_is_told_as_soon_as_the_order_is_paid(market: Market) -> None:
    buyers, sku_id = [await market.buyer() for _ in range(3)], await market.sku()
    orders = [await market.order(buyer, {sku_id: 1}) for buyer in buyers]
    waiting = [
        asyncio.create_task(status(buyer, order, wait_seconds=5))
        for buyer, order in zip(buyers, orders, strict=True)
    ]
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in waiting)
    for order in orders[:2]:
        await market.hear(payment_succeeded(order, market))
    told = [(await task).json() for task in waiting[:2]]
    assert told == [{"order_id": order["order_id"], "status": "paid"} for order in orders[:2]]
    assert not waiting[2].done()
    (await buyers[2].post(f"/orders/{orders[2]['order_id']}/cancel")).raise_for_status()
    assert (await waiting[2]).json()["status"] == "closed"


async def test_who_does_not_wait_or_waits_in_vain_is_told_how_it_stands(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    assert (await status(buyer, order, wait_seconds=0)).json()["status"] == "pending_pay"
    assert (await status(buyer, order, wait_seconds=1)).json()["status"] == "pending_pay"
    await market.hear(payment_succeeded(order, market))
    assert (await status(buyer, order, wait_seconds=5)).json()["status"] == "paid"


async def test_all_who_wait_cost_one_statement_a_look(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    looks: list[str] = []

    def note(statement: str) -> None:
        if "status <> ALL" in statement:
            looks.append(statement)

    with heard(market.resources.engine, note):
        await asyncio.gather(*(status(buyer, order, wait_seconds=1) for _ in range(20)))
        assert 1 <= len(looks) <= 1 / LOOK_SECONDS + 5
        await asyncio.sleep(2 * LOOK_SECONDS)  # for a look that was under way
        looks.clear()
        await asyncio.sleep(5 * LOOK_SECONDS)
        assert looks == [], "nobody waits, and nobody looks"


async def test_nobody_waits_for_the_order_of_another(market: Market) -> None:
    buyer, other, sku_id = await market.buyer(), await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    async with asyncio.timeout(3):
        assert (await status(other, order, wait_seconds=5)).status_code == 404


@pytest.mark.parametrize("seconds", [-1, 6, "0.5", "x"])
async def test_nobody_waits_for_ever(market: Market, seconds: int | str) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    assert (await status(buyer, order, wait_seconds=seconds)).status_code == 422
