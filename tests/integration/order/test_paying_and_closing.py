"""Paid once, closed once, and one winner when both happen (K15, P3, P5, OR-11)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError

from services.order.orders.domain import SYSTEM, OrderStatus
from services.order.orders.storage import Orders
from shared.database import begin
from shared.events import OrderClosed, OrderPaid
from shared.ids import derived_id, new_id
from tests.integration.order.market import Market, payment_succeeded
from tests.support.statements import heard


async def timers(market: Market, order: dict[str, Any]) -> list[str]:
    rows = await market.rows(
        "order", "SELECT kind FROM timers WHERE key = :key ORDER BY kind", key=order["order_id"]
    )
    return [row["kind"] for row in rows]


async def test_a_paid_order_uses_up_what_it_held(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=100), await market.sku()
    coupon_id = await market.coupon(buyer)
    order = await market.paid_order(buyer, {sku_id: 2}, coupon_id=coupon_id, use_points=100)
    assert await market.history(order) == [(1, "creating"), (2, "pending_pay"), (3, "paid")]
    (paid,) = await market.announced(order, OrderPaid)
    assert paid["payable_fen"] == order["payable_fen"]
    assert sum(line["payable_fen"] for line in paid["lines"]) + paid["freight_fen"] == paid["payable_fen"]
    assert await timers(market, order) == []
    assert await market.stock(sku_id) == (8, 0, 2)
    assert await market.coupon_state(buyer, coupon_id) == "used"
    assert (await market.points(buyer))[1] == 0


async def test_an_order_of_nothing_is_paid_by_asking_to_pay_it(market: Market) -> None:
    buyer, gift = await market.buyer(), await market.sku(price_fen=0)
    freight_coupon = await market.coupon(buyer, kind="freight", amount_fen=0)
    order = await market.order(buyer, {gift: 1}, coupon_id=freight_coupon)
    assert order["payable_fen"] == 0
    answer = await buyer.post(f"/orders/{order['order_id']}/pay")
    assert (answer.status_code, answer.json()) == (
        200,
        {"order_id": order["order_id"], "status": "succeeded", "request_payment": None},
    )
    await market.settle()
    assert await market.status(order) == "paid"


async def test_a_success_that_is_told_five_times_counts_once(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    event = payment_succeeded(order, market)
    same_id = new_id()
    await asyncio.gather(*(market.hear(event, id=same_id) for _ in range(3)))
    await asyncio.gather(*(market.hear(event) for _ in range(2)))
    assert await market.history(order) == [(1, "creating"), (2, "pending_pay"), (3, "paid")]
    assert len(await market.announced(order, OrderPaid)) == 1


async def test_orders_paid_together_are_marked_in_four_statements_and_announced_with_ids_of_their_own(
    market: Market,
) -> None:
    sku_id, counts = await market.sku(stock=20), {}
    for size in (1, 5):
        orders = [await market.order(await market.buyer(), {sku_id: 1}) for _ in range(size)]
        heard_of = {new_id(): payment_succeeded(order, market) for order in orders}
        again = {new_id(): next(iter(heard_of.values()))}
        statements: list[str] = []
        with heard(market.resources.engine, statements.append):
            await market.hear_together(heard_of | again)
        own = ("inbox", "orders", "INTO outbox")  # the worker polls with other words
        counts[size] = len([each for each in statements if any(word in each for word in own)])
        for order in orders:
            assert await market.history(order) == [(1, "creating"), (2, "pending_pay"), (3, "paid")]
            assert await timers(market, order) == []
        told = await market.rows(
            "order",
            "SELECT event_id FROM outbox WHERE type = 'order.paid.v1' AND subject = ANY(:orders)",
            orders=[order["order_id"] for order in orders],
        )
        assert {row["event_id"] for row in told} == {
            derived_id(cause, f"order.mark-paid order.paid.v1 {event.order_id} 1")
            for cause, event in heard_of.items()
        }
    assert counts == {1: 4, 5: 4}


async def test_a_wrong_payment_among_others_holds_up_none_of_them(market: Market) -> None:
    sku_id = await market.sku()
    good, wrong, closed, other = [await market.order(await market.buyer(), {sku_id: 1}) for _ in range(4)]
    await market.execute(
        "UPDATE orders SET placed_at = :at WHERE id = :id",
        id=UUID(other["order_id"]),
        at=(later := market.clock.now() + timedelta(seconds=3)),
    )
    async with begin(market.resources.engine) as work:
        orders = Orders(work.connection)
        order = await orders.lock(UUID(closed["order_id"]))
        for status in (OrderStatus.CLOSING, OrderStatus.CLOSED):
            order = await orders.move(order, status, by=SYSTEM, at=market.clock.now(), reason="unpaid")
    payments = {
        new_id(): payment_succeeded(good, market),
        (wrong_id := new_id()): payment_succeeded(wrong, market, amount_fen=1),
        (unknown_id := new_id()): payment_succeeded(good | {"order_id": str(new_id())}, market),
        new_id(): payment_succeeded(closed, market),
        new_id(): payment_succeeded(other, market),
    }
    await market.hear_together(payments)
    statuses = [await market.status(order) for order in (good, wrong, closed, other)]
    assert statuses == ["paid", "pending_pay", "closed", "paid"]
    (paid,) = await market.announced(other, OrderPaid)
    assert datetime.fromisoformat(paid["paid_at"]) == later
    stalled = await market.rows(
        "order", "SELECT event_id FROM stalled_events WHERE event_id = ANY(:ids)", ids=list(payments)
    )
    assert {row["event_id"] for row in stalled} == {wrong_id, unknown_id}
    await market.execute("DELETE FROM stalled_events WHERE event_id = ANY(:ids)", ids=[wrong_id, unknown_id])


async def test_a_step_that_waited_for_another_is_not_told_before_it(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    later = market.clock.now() + timedelta(seconds=5)
    async with begin(market.resources.engine) as work:
        orders = Orders(work.connection)
        locked = await orders.lock(UUID(order["order_id"]))
        await orders.move(locked, OrderStatus.CLOSING, by=SYSTEM, at=later, reason="unpaid")
    await market.hear(payment_succeeded(order, market))
    rows = await market.rows(
        "order",
        "SELECT status, at FROM order_history WHERE order_id = :id ORDER BY version DESC LIMIT 2",
        id=order["order_id"],
    )
    assert [(row["status"], row["at"]) for row in rows] == [("paid", later), ("closing", later)]


async def test_a_payment_of_another_amount_moves_nothing_and_waits_for_an_operator(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    event_id = new_id()
    await market.hear(payment_succeeded(order, market, amount_fen=1), id=event_id)
    assert await market.status(order) == "pending_pay"
    (stalled,) = await market.rows(
        "order", "SELECT state, reason FROM stalled_events WHERE event_id = :id", id=event_id
    )
    assert stalled["reason"].startswith("WrongAmount")
    await market.execute("DELETE FROM stalled_events WHERE event_id = :id", id=event_id)


async def test_money_for_a_closed_order_does_not_bring_it_back(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    await buyer.post(f"/orders/{order['order_id']}/cancel")
    await market.hear(payment_succeeded(order, market))
    assert await market.status(order) == "closed"
    assert await market.announced(order, OrderPaid) == []


async def test_a_cancelled_order_gives_everything_back_once(market: Market) -> None:
    buyer, sku_id = await market.buyer(points=300), await market.sku()
    coupon_id = await market.coupon(buyer)
    order = await market.order(buyer, {sku_id: 2}, coupon_id=coupon_id, use_points=100)
    answers = await asyncio.gather(*(buyer.post(f"/orders/{order['order_id']}/cancel") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    await market.settle()
    assert await market.history(order) == [
        (1, "creating"),
        (2, "pending_pay"),
        (3, "closing"),
        (4, "closed"),
    ]
    (closed,) = await market.announced(order, OrderClosed)
    assert closed["reason"] == "cancelled"
    assert await timers(market, order) == []
    assert await market.stock(sku_id) == (10, 0, 0)
    assert await market.coupon_state(buyer, coupon_id) == "available"
    assert await market.points(buyer) == (300, 0)
    pay = await buyer.post(f"/orders/{order['order_id']}/pay")
    assert (pay.status_code, pay.json()["order_status"]) == (409, "closed")


async def test_an_order_that_nobody_pays_closes_by_itself(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    await market.advance(minutes=14)
    assert await market.status(order) == "pending_pay"
    await market.advance(minutes=1, seconds=1)
    detail = await market.detail(order)
    assert (detail["status"], detail["close_reason"]) == ("closed", "unpaid")
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_an_order_whose_prepayment_is_open_closes_at_wechat_first(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    prepaid = (await buyer.post(f"/orders/{order['order_id']}/pay")).json()
    assert (prepaid["status"], prepaid["request_payment"]["signType"]) == ("paying", "RSA")
    again = (await buyer.post(f"/orders/{order['order_id']}/pay")).json()
    assert again["request_payment"]["package"] == prepaid["request_payment"]["package"]
    await market.advance(minutes=16)
    await market.advance(minutes=2)
    assert await market.status(order) == "closed"
    late = await buyer.post(f"/orders/{order['order_id']}/pay")
    assert late.status_code == 409


async def test_a_payment_that_arrived_wins_over_cancelling(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    prepaid = (await buyer.post(f"/orders/{order['order_id']}/pay")).json()
    await market.shop.wechat.pay(order["order_number"], prepaid["request_payment"])
    refused = await buyer.post(f"/orders/{order['order_id']}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order/already-paid")
    await market.settle()
    assert await market.history(order) == [
        (1, "creating"),
        (2, "pending_pay"),
        (3, "closing"),
        (4, "paid"),
    ]
    assert await market.announced(order, OrderClosed) == []
    assert await market.stock(sku_id) == (9, 0, 1)


async def test_while_payment_is_away_orders_are_placed_and_cancelling_goes_on_later(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    with market.away("payment"):
        order = await market.order(buyer, {sku_id: 1})
        assert (await buyer.post(f"/orders/{order['order_id']}/pay")).status_code == 503
        cancelled = await buyer.post(f"/orders/{order['order_id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "closing")
        assert await market.stock(sku_id) == (10, 1, 0)
    await market.advance(seconds=31)
    assert await market.status(order) == "closed"
    assert await market.stock(sku_id) == (10, 0, 0)


async def test_paying_and_the_time_running_out_at_once_have_one_winner(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    orders = [await market.order(buyer, {sku_id: 1}) for _ in range(5)]
    await asyncio.gather(
        *(buyer.post(f"/orders/{order['order_id']}/cancel") for order in orders),
        *(market.hear(payment_succeeded(order, market)) for order in orders),
    )
    await market.settle()
    for order in orders:
        ends = await market.announced(order, OrderPaid) + await market.announced(order, OrderClosed)
        assert len(ends) == 1
        assert (await market.history(order))[-1][1] in ("paid", "closed")


async def test_the_time_to_pay_is_over_when_it_is_over(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    late = market.clock.now() - timedelta(hours=2)
    await market.execute(
        "UPDATE orders SET placed_at = :early, expires_at = :late WHERE id = :id",
        early=late - timedelta(minutes=15),
        late=late,
        id=UUID(order["order_id"]),
    )
    answer = await buyer.post(f"/orders/{order['order_id']}/pay")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/order/payment-expired")


async def test_history_cannot_be_rewritten(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    for statement in (
        "UPDATE order_history SET status = 'paid' WHERE order_id = :id",
        "DELETE FROM order_history WHERE order_id = :id",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            await market.execute(statement, id=UUID(order["order_id"]))
