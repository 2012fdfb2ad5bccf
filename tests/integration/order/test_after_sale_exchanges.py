"""New goods for old: stock held by the request's id, sent, received, or money instead (OR-10, K10, S1, S2)."""

import asyncio

import pytest

from shared.events import OrderRefunded, ReplacementShipped
from shared.ids import new_id
from tests.integration.order.after_sale_desk import WAYBILL, Desk, Document
from tests.integration.order.market import Buyer, Market

PARCEL = {"carrier": "YTO", "tracking_number": "YT99"}


@pytest.fixture
def desk(market: Market) -> Desk:
    return Desk(market)


async def sent_back(desk: Desk, quantity: int, *, stock: int = 10) -> tuple[Buyer, Document, str, Document]:
    """An exchange of all units of an order, on their way back."""
    buyer, order, (line,) = await desk.shipped(quantity, stock=stock)
    case = await desk.asked(buyer, order, "exchange", {line: quantity}, reason="defective")
    await desk.answer(case, "approve")
    return buyer, order, line, await desk.does(buyer, case, "send-back", WAYBILL)


async def test_what_comes_back_is_replaced_and_no_money_moves(desk: Desk, market: Market) -> None:
    buyer, order, line, case = await sent_back(desk, 2)
    sku_id = case["lines"][0]["sku_id"]
    assert (await desk.inspect(case, {line: 1}))["status"] == "received"
    await market.settle()
    assert (await desk.see(buyer, case))["status"] == "replacing"
    assert await market.stock(sku_id) == (8, 2, 2)
    shipped = await desk.answer(case, "ship-replacement", PARCEL)
    assert (shipped["status"], shipped["replacement_waybill"]) == ("replacement_shipped", PARCEL)
    await market.settle()
    assert await market.stock(sku_id) == (7, 0, 3), "one of the two that came back is sold again"
    assert round(await desk.due_in(case) or 0) == 10 * 86_400
    for _ in range(2):
        assert (await desk.does(buyer, case, "confirm-replacement"))["status"] == "completed"
    assert await desk.steps(case) == [
        *("applied", "approved", "awaiting_return", "returned", "received"),
        *("replacing", "replacement_shipped", "completed"),
    ]
    assert len(await market.announced(order, ReplacementShipped)) == 1
    assert await market.announced(order, OrderRefunded) == []
    await desk.books_agree(order)
    again = await desk.asked(buyer, order, "return_and_refund", {line: 2})
    await desk.answer(again, "approve")
    await desk.inspect(await desk.does(buyer, again, "send-back", WAYBILL), {line: 2})
    await market.refunds_arrive()
    assert await market.stock(sku_id) == (9, 0, 1), "new goods can be returned too"
    assert (await market.detail(order))["refund_summary"] == "full"
    await desk.books_agree(order)


async def test_a_replacement_that_nobody_confirms_counts_as_received(desk: Desk, market: Market) -> None:
    buyer, order, line, case = await sent_back(desk, 1)
    await desk.inspect(case, {line: 0})
    await market.settle()
    await desk.answer(case, "ship-replacement", PARCEL)
    assert await market.status(order) == "shipped"
    await market.advance(days=10)
    assert (await desk.see(buyer, case))["status"] == "completed"
    assert (await desk.steps(case))[-1] == "completed"
    await market.settle()
    assert await market.status(order) == "completed"
    await desk.books_agree(order)


async def test_goods_that_nobody_looked_at_are_replaced_after_ten_days(desk: Desk, market: Market) -> None:
    buyer, order, _, case = await sent_back(desk, 1)
    await market.advance(days=10)
    assert (await desk.see(buyer, case))["status"] == "replacing"
    await desk.books_agree(order)


async def test_without_stock_an_operator_looks_again_or_gives_money_back(desk: Desk, market: Market) -> None:
    buyer, order, line, case = await sent_back(desk, 2, stock=2)
    sku_id = case["lines"][0]["sku_id"]
    await desk.inspect(case, {line: 2})
    await market.settle()
    assert (await desk.see(buyer, case))["status"] == "out_of_stock"
    assert (await desk.answer(case, "retry-replacement"))["status"] == "out_of_stock"
    await market.settle()
    assert (await desk.see(buyer, case))["status"] == "out_of_stock"
    refunding = await desk.answer(case, "refund-instead")
    assert (refunding["status"], refunding["kind"]) == ("refunding", "exchange")
    await market.refunds_arrive()
    assert (await desk.see(buyer, case))["status"] == "completed"
    assert await market.stock(sku_id) == (2, 0, 0)
    await desk.books_agree(order)


async def test_stock_that_arrives_later_is_held_and_let_go_when_money_is_given_instead(
    desk: Desk, market: Market
) -> None:
    buyer, order, line, case = await sent_back(desk, 1, stock=1)
    sku_id = case["lines"][0]["sku_id"]
    await desk.inspect(case, {line: 0})
    await market.settle()
    added = {"change": 5, "reason": "到货"}
    await market.operate("catalog", "POST", f"/operator/skus/{sku_id}/stock-adjustments", added)
    await desk.answer(case, "retry-replacement")
    await market.settle()
    assert (await desk.see(buyer, case))["status"] == "replacing"
    assert await market.stock(sku_id) == (5, 1, 1)
    key = str(new_id())
    answers = [await desk.try_answer(case, "refund-instead", key=key, role="owner") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409], "another operator's key is another key"
    await market.refunds_arrive()
    assert await market.stock(sku_id) == (5, 0, 1)
    late = await desk.try_answer(case, "ship-replacement", PARCEL)
    assert (late.status_code, late.json()["after_sale_status"]) == (409, "completed")
    await desk.books_agree(order)


async def failed_once(market: Market, case: Document) -> None:
    """The timer that holds stock has failed; it does not wait before it tries again."""
    key = {"key": case["after_sale_id"]}
    failed = (
        "SELECT id FROM timers WHERE kind = 'reserve-replacement' AND key = :key AND last_error IS NOT NULL"
    )
    async with asyncio.timeout(10):
        while not await market.rows("order", failed, **key):
            await asyncio.sleep(0.05)


async def try_again(market: Market, case: Document) -> None:
    key = {"key": case["after_sale_id"]}
    await market.execute("UPDATE timers SET leased_until = NULL WHERE key = :key", **key)
    await market.settle()


async def test_a_crash_after_the_hold_is_healed_by_the_timer(desk: Desk, market: Market) -> None:
    buyer, order, line, case = await sent_back(desk, 1)
    sku_id = case["lines"][0]["sku_id"]
    with market.crash_at("catalog", f"/internal/reservations/{case['after_sale_id']}"):
        await desk.inspect(case, {line: 1})
        await failed_once(market, case)
    assert await market.stock(sku_id) == (9, 1, 1)
    assert (await desk.see(buyer, case))["status"] == "received"
    await try_again(market, case)
    assert (await desk.see(buyer, case))["status"] == "replacing"
    assert await market.stock(sku_id) == (9, 1, 1)
    await desk.books_agree(order)


async def test_while_the_catalog_is_away_an_exchange_waits(desk: Desk, market: Market) -> None:
    buyer, _, line, case = await sent_back(desk, 1)
    with market.away("catalog"):
        assert (await desk.inspect(case, {line: 1}))["status"] == "received"
        await failed_once(market, case)
    await try_again(market, case)
    assert (await desk.see(buyer, case))["status"] == "replacing"
