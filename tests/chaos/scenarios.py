"""What happens in the rehearsals: each a short story with the one misfortune that some bug does not survive."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import text

from shared.database import reading
from shared.events import OrderClosed, OrderPaid
from shared.events.base import Envelope
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.transport import Delivery
from tests.chaos.faults import commits_late, dies_after_announcing, dies_in
from tests.chaos.stage import Run

Scenario = Callable[[Run], Awaitable[None]]

SAYS_CLOSED = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}
DONE_BUT_UNSAID = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR", "effect": True}


def _fault(api: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"match": {"api": api}, "action": action}


async def delivered_twice(run: Run) -> None:
    """OrderPaid comes a second time, after the first was taken."""
    (shopper,) = await run.begin()
    run.stage.post.doubles.add(OrderPaid.type)
    await shopper.buy()
    await run.stage.drain()


async def announced_again(run: Run) -> None:
    """What happened once is said again, as if it were new."""
    (shopper,) = await run.begin()
    order = await shopper.buy()
    await run.stage.drain()
    platform = run.stage.shop.platform
    async with reading(platform.resources["order"].engine) as connection:
        query = text("SELECT envelope FROM outbox WHERE subject = :subject AND type = :type")
        values = {"subject": order["order_id"], "type": OrderPaid.type}
        said = Envelope.model_validate_json((await connection.execute(query, values)).scalar_one())
    again = said.model_copy(update={"id": new_id()})
    (reaction,) = (
        each for each in platform.workers["member"].reactions if each.name == "member.settle-order"
    )
    consumer = Consumer(reaction, platform.resources["member"].engine, platform.clock)
    await consumer.handle([Delivery(again.type, f"[{again.model_dump_json()}]".encode(), redelivered=False)])


async def a_reaction_dies(run: Run) -> None:
    """The process that rewards the order is killed before its commit."""
    (shopper,) = await run.begin()
    with dies_in("member.settle-order"):
        await shopper.buy()
        await run.stage.drain()


async def a_publish_is_lost(run: Run) -> None:
    """The broker is gone before it confirms."""
    (shopper,) = await run.begin()
    run.stage.post.loses.add(OrderPaid.type)
    await shopper.buy()
    await run.stage.drain()


async def a_late_commit(run: Run) -> None:
    """Of two cancellations the one that announced first commits last."""
    shoppers = await run.begin(shoppers=2)
    orders = [(await shopper.place(await shopper.wish())).body for shopper in shoppers]
    with commits_late(OrderClosed, run.stage.post):
        await asyncio.gather(
            *(shopper.cancel(order) for shopper, order in zip(shoppers, orders, strict=True))
        )


async def a_process_dies_after_its_commit(run: Run) -> None:
    """The order is paid, and the process is killed before its next line."""
    (shopper,) = await run.begin()
    with dies_after_announcing(OrderPaid):
        await shopper.buy()
        await run.stage.drain()


async def a_rush(run: Run) -> None:
    """Three want the last one at once."""
    shoppers = await run.begin(stock=1, shoppers=3)
    wishes = [await shopper.wish() for shopper in shoppers]
    placed = await asyncio.gather(
        *(shopper.place(wish) for shopper, wish in zip(shoppers, wishes, strict=True))
    )
    for shopper, answer in zip(shoppers, placed, strict=True):
        if answer.is_done:
            await shopper.pay_at_wechat(answer.body, await shopper.prepay(answer.body))


async def a_slow_payer(run: Run) -> None:
    """Somebody takes twelve minutes to pay for the last one, while another one wants it."""
    slow, quick = await run.begin(stock=1, shoppers=2)
    wish = await quick.wish()
    first = (await slow.place(await slow.wish())).body
    request_payment = await slow.prepay(first)
    await run.stage.advance(minutes=12)
    second = await quick.place(wish)
    if second.is_done:
        await quick.pay_at_wechat(second.body, await quick.prepay(second.body))
    await slow.pay_at_wechat(first, request_payment)


async def two_orders_want_one_coupon(run: Run) -> None:
    """A coupon is put on two orders at once."""
    (shopper,) = await run.begin()
    wish = await shopper.wish(coupon_id=await shopper.claim())
    placed = await asyncio.gather(shopper.place(wish), shopper.place(wish))
    for answer in placed:
        if answer.is_done:
            await shopper.pay_at_wechat(answer.body, await shopper.prepay(answer.body))


async def an_answer_is_lost(run: Run) -> None:
    """The order is placed, the answer does not come through, and the shopper tries again with the same key."""
    (shopper,) = await run.begin()
    shopper.deaf_to.add("place-order")
    await shopper.buy()


async def asked_three_times_at_once(run: Run) -> None:
    """The button is pressed three times, and each press is sent with the same key."""
    (shopper,) = await run.begin()
    shopper.at_once_share = 1.0
    path = f"/coupon-templates/{run.template_id}/claim"
    await shopper.call("claim-coupon", path, about={"template_id": run.template_id}, keyed=True)
    await shopper.buy()


async def the_answer_to_a_refund_is_lost(run: Run) -> None:
    """WeChat refunds, but its answer says that it does not know."""
    (shopper,) = await run.begin()
    order = await shopper.buy(quantity=3)
    await run.stage.drain()
    await run.stage.wechat.faults(
        _fault("refund", DONE_BUT_UNSAID), {"match": {"api": "notice"}, "action": {"kind": "lose"}}
    )
    await run.refund(order)
    await run.stage.drain()
    await run.stage.advance(minutes=2)


async def paid_twice(run: Run) -> None:
    """WeChat loses sight of a prepayment and is wrong to call it closed: the shopper pays it and the next one."""
    (shopper,) = await run.begin()
    order = (await shopper.place(await shopper.wish())).body
    await run.stage.wechat.faults(
        _fault("prepay", DONE_BUT_UNSAID), _fault("prepay", SAYS_CLOSED), _fault("close", SAYS_CLOSED)
    )
    request_payment = await shopper.prepay(order)
    assert (await shopper.pay_at_wechat(order, request_payment, number=2)).is_done
    await run.stage.drain()
    assert (await shopper.pay_at_wechat(order, None, late=True)).is_done


async def paid_too_late(run: Run) -> None:
    """WeChat is wrong to call a payment closed: it is paid after the order was cancelled."""
    (shopper,) = await run.begin()
    order = (await shopper.place(await shopper.wish())).body
    request_payment = await shopper.prepay(order)
    await run.stage.wechat.faults(_fault("close", SAYS_CLOSED))
    await shopper.cancel(order)
    await run.stage.drain()
    assert (await shopper.pay_at_wechat(order, request_payment, late=True)).is_done


async def told_twice(run: Run) -> None:
    """WeChat tells a payment again, under a new id."""
    (shopper,) = await run.begin()
    order = await shopper.buy()
    await run.stage.drain()
    answer = await run.stage.wechat.control.post(
        f"/notices/{order['order_number']}/send", json={"new_id": True}
    )
    answer.raise_for_status()


async def paid_but_nobody_told(run: Run) -> None:
    """The notice of a payment gets lost, and the shopper cancels after all."""
    (shopper,) = await run.begin()
    await run.stage.wechat.faults({"match": {"api": "notice"}, "action": {"kind": "lose"}})
    order = await shopper.buy()
    await shopper.cancel(order)
    await run.stage.advance(minutes=16)


async def refunded_by_two(run: Run) -> None:
    """Two operators give the same unit back."""
    (shopper,) = await run.begin()
    order = await shopper.buy()
    await run.stage.drain()
    for _ in range(2):
        await run.refund(order)
        await run.stage.drain()


async def a_return_is_damaged(run: Run) -> None:
    """Of two units that come back for their money one can be sold again."""
    (shopper,) = await run.begin()
    order = await shopper.buy(quantity=2)
    await run.stage.drain()
    parcel = {"carrier": "ZTO", "tracking_number": f"ZTO{new_id().hex[-12:]}"}
    about = {"order_id": order["order_id"]}
    await run.operate("ship-order", f"/operator/orders/{order['order_id']}/shipments", parcel, about)
    line = await run.first_line(order)
    wish = {"kind": "return_and_refund", "reason": "defective", "lines": [{**line, "quantity": 2}]}
    asked = await shopper.call(
        "request-after-sale", f"/orders/{order['order_id']}/after-sales", wish, about, keyed=True
    )
    after_sale_id = asked.body["after_sale_id"]
    about = {"after_sale_id": after_sale_id}
    desk = f"/operator/after-sales/{after_sale_id}"
    await run.operate("approve-after-sale", f"{desk}/approve", {}, about)
    await shopper.call("send-back", f"/after-sales/{after_sale_id}/send-back", parcel, about)
    inspected = {"lines": [{**line, "restockable_quantity": 1, "damaged_quantity": 1}]}
    received = await run.operate("receive-return", f"{desk}/receive", inspected, about)
    assert received.is_done, received.body
    await run.stage.drain()


SCENARIOS: Mapping[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        delivered_twice,
        announced_again,
        a_reaction_dies,
        a_publish_is_lost,
        a_late_commit,
        a_process_dies_after_its_commit,
        a_rush,
        a_slow_payer,
        two_orders_want_one_coupon,
        an_answer_is_lost,
        asked_three_times_at_once,
        the_answer_to_a_refund_is_lost,
        paid_twice,
        paid_too_late,
        told_twice,
        paid_but_nobody_told,
        refunded_by_two,
        a_return_is_damaged,
    )
}
