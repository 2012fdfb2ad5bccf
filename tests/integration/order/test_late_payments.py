"""Payments spread around the end of the time to pay: each is sold, or closed and refunded once (P5; issue 3).

60 of them, or as many as JISHI_LATE_PAYMENTS says. WeChat lets everybody pay whose cashier was open before, whatever the
shop closed; a third of its notices never come and a third come three times at once.
"""

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.clock import ManualClock
from shared.ids import new_id
from tests.integration.order.market import Buyer, Market
from tests.support.shop import open_shop
from tests.support.wechat import open_wechat

PAYMENTS = int(os.environ.get("JISHI_LATE_PAYMENTS", "60"))
ORDERS_EACH = 5
BUYERS_A_SECOND = 3
AT_ONCE = 8
PRICE_FEN = 9_900
SECONDS_AROUND = 10
SETTLE_SECONDS = 300

T = TypeVar("T")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """A whole shop, to which WeChat's notices find their way, with clocks in our hands."""
    clock = ManualClock(datetime.now(UTC))
    async with (
        open_wechat(tmp_path_factory.mktemp("late-wechat")) as wechat,
        open_shop(wechat, clock=clock) as shop,
    ):
        market = Market(shop, clock)
        await market.prepare()
        yield market


async def a_few_at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """Everything, AT_ONCE at a time."""
    doors = asyncio.Semaphore(AT_ONCE)

    async def through(each: Awaitable[T]) -> T:
        async with doors:
            return await each

    return await asyncio.gather(*map(through, work))


async def patiently(call: Callable[[], Awaitable[httpx.Response]]) -> dict[str, Any]:
    """What a call is answered in the end: a shop on a busy machine may ask to come again."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while (answer := await call()).status_code == 503:
            await asyncio.sleep(1)
    assert answer.status_code < 300, answer.text
    return dict(answer.json())


async def place(market: Market, buyer: Buyer, sku_id: str) -> list[dict[str, Any]]:
    """So many orders as a member may leave unpaid, each with its cashier open."""
    orders = []
    wish: dict[str, Any] = {"lines": [{"sku_id": sku_id, "quantity": 1}]}
    for _ in range(ORDERS_EACH):
        quote = await patiently(lambda: buyer.post("/checkout/preview", wish))
        agreed = wish | {"quote_fingerprint": quote["quote_fingerprint"]}
        key = {"idempotency-key": str(new_id())}
        orders.append(await patiently(partial(buyer.post, "/orders", agreed, **key)))
        await patiently(partial(buyer.post, f"/orders/{orders[-1]['order_id']}/pay"))
    return orders


async def place_all(market: Market, sku_id: str) -> list[dict[str, Any]]:
    """The orders, so many in each second."""
    buyers = await a_few_at_once(market.buyer() for _ in range(PAYMENTS // ORDERS_EACH))
    orders = []
    for first in range(0, len(buyers), BUYERS_A_SECOND):
        a_seconds = buyers[first : first + BUYERS_A_SECOND]
        for placed in await a_few_at_once(place(market, buyer, sku_id) for buyer in a_seconds):
            orders += placed
        await advance(market, 1)
    return orders


async def pay_around_the_end(market: Market, orders: Sequence[dict[str, Any]]) -> None:
    """Every order is paid in one of the seconds around the end of its time, while the shop closes what it can."""
    wechat, random = market.shop.wechat, Random(19)
    third = len(orders) // 3
    told = {"api": "notice", "event_type": "TRANSACTION.SUCCESS"}
    closed_already = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}
    await wechat.faults(
        {"match": told, "times": third, "action": {"kind": "lose"}},
        {"match": told, "times": third, "action": {"kind": "concurrent", "copies": 3}},
        {"match": {"api": "close"}, "times": 1_000_000, "action": closed_already},
    )
    due: dict[int, list[str]] = defaultdict(list)
    for order in orders:
        ends_in = datetime.fromisoformat(order["expires_at"]) - market.clock.now()
        second = round(ends_in.total_seconds()) + random.randint(-SECONDS_AROUND, SECONDS_AROUND)
        due[second].append(order["order_number"])
    await advance(market, min(due) - 1)
    for second in range(min(due), max(due) + 1):
        await advance(market, 1)
        await a_few_at_once(
            wechat.control.post(f"/payments/{number}/pay", json={"late": True}) for number in due[second]
        )
        if second % 2:  # else the next second's payments race with this second's closings
            await market.shop.platform.settle(SETTLE_SECONDS)


async def advance(market: Market, seconds: float) -> None:
    """Move our clock, and WeChat's, which runs by itself, to the same instant; who is late stays late."""
    market.clock.advance(timedelta(seconds=seconds))
    now = market.clock.now().isoformat()
    (await market.shop.wechat.control.put("/clock", json={"now": now})).raise_for_status()


async def decided(market: Market) -> bool:
    """Whether no order waits and no refund is under way."""
    (orders,) = await market.rows(
        "order", "SELECT count(*) AS open FROM orders WHERE status IN ('pending_pay', 'closing')"
    )
    (payments,) = await market.rows(
        "payment",
        "SELECT (SELECT count(*) FROM attempts WHERE status <> 'succeeded')"
        " + (SELECT count(*) FROM refunds WHERE status <> 'succeeded') AS open",
    )
    return bool(orders["open"] + payments["open"] == 0)


async def test_every_payment_around_the_end_of_its_time_is_sold_or_closed_and_refunded_once(
    whole_market: Market,
) -> None:
    market, began = whole_market, time.monotonic()
    sku_id = await market.sku(price_fen=PRICE_FEN, stock=PAYMENTS)
    orders = await place_all(market, sku_id)
    placed_s = time.monotonic() - began

    await pay_around_the_end(market, orders)
    for _ in range(20):
        await advance(market, 60)
        await market.shop.platform.settle(SETTLE_SECONDS)
        if await decided(market):
            break
    assert await decided(market)

    ours = [UUID(order["order_id"]) for order in orders]
    rows = await market.rows("order", "SELECT id, status FROM orders WHERE id = ANY(:ids)", ids=ours)
    states = {row["id"]: row["status"] for row in rows}
    ends = Counter(states.values())
    assert ends.keys() == {"paid", "closed"}
    assert ends["paid"] + ends["closed"] == len(orders) == PAYMENTS // ORDERS_EACH * ORDERS_EACH
    sold_fen, late_fen = ends["paid"] * PRICE_FEN, ends["closed"] * PRICE_FEN

    # WeChat's own books: all paid, and exactly the closed ones refunded, once, in full, under their fixed number.
    books = (await market.shop.wechat.control.get("/books")).json()
    assert (books["totals"]["paid_fen"], books["totals"]["refunded_fen"]) == (sold_fen + late_fen, late_fen)
    closed = {order["order_number"] for order in orders if states[UUID(order["order_id"])] == "closed"}
    assert sorted(refund["out_refund_no"] for refund in books["refunds"]) == sorted(
        f"SURPLUS-{number}" for number in closed
    )
    # Ours: what was sold is owed to orders, nothing else is left anywhere; and the goods went the same way.
    accounts = (await market.shop.as_operator("finance").get("payment", "/operator/cash-accounts")).json()
    balances = {each["account"]: each["balance_fen"] for each in accounts["items"] if each["balance_fen"]}
    assert balances == {"provider_receivable": sold_fen, "order_receipts": -sold_fen}
    assert await market.stock(sku_id) == (PAYMENTS - ends["paid"], 0, ends["paid"])
    reasons = await market.rows("payment", "SELECT surplus_reason AS reason, paid_fen FROM attempts")
    assert Counter(row["reason"] for row in reasons) == {None: ends["paid"], "late": ends["closed"]}
    announced = await market.rows(
        "payment", "SELECT type, count(*) AS number FROM outbox WHERE type LIKE '%.v1' GROUP BY type"
    )
    assert {row["type"]: row["number"] for row in announced} == {
        "payment.succeeded.v1": ends["paid"],
        "surplus.refunded.v1": ends["closed"],
    }
    print(
        f"\n{len(orders)} payments around the end: {ends['paid']} sold, {ends['closed']} closed and refunded once;"
        f" placed in {placed_s:.1f} s, decided and checked in {time.monotonic() - began - placed_s:.1f} s"
    )
