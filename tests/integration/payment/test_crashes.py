"""The process dies before, during or after each call to WeChat Pay: one charge, one refund, under one number (P1, K9)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.wechat.pay import WeChatPay
from tests.integration.payment.till import ELSEWHERE, Till


class Crash(Exception):
    """The process dies here."""


class Mortal:
    """WeChat Pay's client in a process that dies once, at one call."""

    def __init__(self, alive: WeChatPay, call: str, moment: str) -> None:
        self._alive = alive
        self._call = call
        self._moment = moment
        self.died = False

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method: Callable[..., Awaitable[Any]] = getattr(self._alive, name)
        return self._die(method) if name == self._call and not self.died else method

    def _die(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def die(*given: Any, **named: Any) -> Any:
            self.died = True
            if self._moment == "during":
                under_way = asyncio.ensure_future(method(*given, **named))
                await asyncio.sleep(0.01)
                under_way.cancel()
            elif self._moment == "after":
                await method(*given, **named)
            raise Crash

        return die


@asynccontextmanager
async def dying(till: Till, call: str, moment: str) -> AsyncIterator[None]:
    alive = till.resources.wechat_pay
    mortal = Mortal(alive, call, moment)
    object.__setattr__(till.resources, "wechat_pay", mortal)
    try:
        yield
    finally:
        object.__setattr__(till.resources, "wechat_pay", alive)
    assert mortal.died


async def restart(till: Till, **later: float) -> None:
    """The lease of the dead process runs out, and another one works on what is due."""
    async with till.resources.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE timers SET leased_until = NULL")
    await till.advance(**later)
    await till.run_timers()


pytestmark = pytest.mark.parametrize("moment", ["before", "during", "after"])


async def test_a_prepay(till: Till, moment: str) -> None:
    order = await till.order()
    async with dying(till, "prepay", moment):
        assert (await till.put(order)).status_code == 500
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")
    detail = await till.detail(order)
    assert [each["out_trade_no"] for each in detail["attempts"]] == [order["order_number"]]
    assert len(detail["ledger"]) == 2


async def test_a_prepay_that_nobody_repeats_is_watched_and_closed(till: Till, moment: str) -> None:
    order = await till.order()
    async with dying(till, "prepay", moment):
        assert (await till.put(order)).status_code == 500
    await restart(till, seconds=31)
    assert (await till.close(order)).json() == {"status": "closed"}


async def test_a_query_by_the_clock(till: Till, moment: str) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.run_timers()
    async with dying(till, "transaction", moment):
        await till.advance(seconds=6)
        await till.run_timers()
    assert await till.status(order) == "paying"
    await restart(till, seconds=1)
    assert await till.status(order) == "succeeded"
    assert len(await till.announced(collected["payment_id"])) == 1


async def test_a_close(till: Till, moment: str) -> None:
    order = await till.order()
    collected = await till.collect(order)
    async with dying(till, "close", moment):
        assert (await till.close(order)).status_code == 500
    assert (await till.put(order)).status_code == 409
    assert (await till.close(order)).json() == {"status": "closed"}
    paid = await till.wechat.control.post(
        f"/payments/{order['order_number']}/pay", json={"request_payment": collected["request_payment"]}
    )
    assert paid.json()["error"] == "closed"


async def test_a_refund(till: Till, moment: str) -> None:
    order = await till.paid_order()
    await till.run_timers()
    asked = await till.request_refund(order, 700)
    async with dying(till, "refund", moment):
        await till.run_timers()
    await restart(till, seconds=6)
    await till.wait_for_refund(order, "succeeded")
    assert [
        (each["out_refund_no"], each["amount"]["refund"])
        for each in await till.platform_refunds(order["order_number"])
    ] == [(asked.refund_number, 700)]
    assert len(await till.announced(asked.refund_id)) == 1


async def test_the_query_of_a_refund(till: Till, moment: str) -> None:
    order = await till.paid_order()
    await till.run_timers()
    await till.wechat.faults(ELSEWHERE)
    asked = await till.request_refund(order, 700)
    await till.run_timers()
    async with dying(till, "refund_by_number", moment):
        await till.advance(seconds=6)
        await till.run_timers()
    await restart(till, seconds=1)
    assert (await till.detail(order))["refunds"][0]["status"] == "succeeded"
    assert len(await till.announced(asked.refund_id)) == 1


async def test_sending_an_abnormal_refund_elsewhere(till: Till, moment: str) -> None:
    await till.rules(refund_settles_as="ABNORMAL")
    order = await till.paid_order()
    asked = await till.request_refund(order, 400)
    await till.run_timers()
    await till.wait_for_refund(order, "failed")
    await till.rules(refund_settles_as="SUCCESS", refund_settles_after_seconds=600)
    finance = till.shop.as_operator("finance")
    path = f"/operator/refund-attempts/{asked.refund_number}/redirect"
    body = {
        "sent_to": "user_bank_card",
        "bank_type": "CMB_DEBIT",
        "bank_account": "6225880137000000",
        "real_name": "王",
    }
    async with dying(till, "apply_abnormal_refund", moment):
        answer = await finance.post("payment", path, body, headers={"idempotency-key": asked.refund_number})
        assert answer.status_code == 500
    again = await finance.post("payment", path, body, headers={"idempotency-key": asked.refund_number})
    assert (again.status_code, again.json()["refund_status"]) == (202, "processing")
    await till.advance(seconds=601)
    await till.wait_for_refund(order, "succeeded")
    assert [type_ for type_, _ in await till.announced(asked.refund_id)].count("refund.succeeded.v1") == 1
