"""The last chapters: shipping, receipt, a partial refund, an order that closes by itself, the day's numbers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.journey.arithmetic import first_unit
from demo.journey.arrival import points
from demo.journey.buying import beans_bill, coupon_state, place, sku_stock, small_bill, status
from demo.journey.preparation import STOCK
from demo.journey.stage import Stage
from shared.clock import shop_day

PAY_TIMEOUT_SECONDS = 5
PACKING_SECONDS = 1.5
"""WeChat knows of a payment's shipping only some seconds after it was paid (wechat.md 4.3)."""


async def ship_and_receive(stage: Stage) -> None:
    """Ship, upload to WeChat, track, confirm (OR-03, OR-14)."""
    story, order = stage.story, stage.orders["beans"]
    story.chapter("7. Shipping and receipt", "OR-03, OR-14")
    tracking_number = f"SF{stage.suffix.upper()}"
    await asyncio.sleep(PACKING_SECONDS)
    await stage.merchant.post(
        f"/operator/orders/{order['order_id']}/shipments",
        {"carrier": "SF", "tracking_number": tracking_number},
    )
    story.check("the order is shipped", await status(stage, order["order_id"]), "shipped")
    story.tell(f"shipped with waybill SF {tracking_number}")
    await story.events("OrderShipped")

    async def uploaded() -> bool:
        shipping = (await stage.wechat_knows(order["out_trade_no"]))["shipping"]
        return bool(shipping and shipping["finished"])

    await story.eventually("WeChat knows that the goods left", uploaded, True)
    story.tell("shipping info uploaded to WeChat")
    now = datetime.now(UTC)
    for hours, state, description in (
        (2, "collected", "已揽收"),
        (1, "in_transit", "运输中"),
        (0, "delivered", "已签收"),
    ):
        event = {
            "occurred_at": (now - timedelta(hours=hours)).isoformat(),
            "status": state,
            "description": description,
        }
        await stage.carrier_reports("SF", tracking_number, [event])
    tracking = await stage.buyer.get(f"/orders/{order['order_id']}/tracking")
    events = tracking["shipments"][0]["events"]
    story.check("the parcel's way is known", len(events), 3)
    story.tell(
        "the carrier reports: " + " → ".join(event["description"] for event in sorted(events, key=_when))
    )
    await stage.buyer.post(f"/orders/{order['order_id']}/confirm-receipt")
    story.check("the order is completed", await status(stage, order["order_id"]), "completed")
    story.tell("the shopper confirms receipt")
    await story.events("OrderCompleted")


async def refund_one_of_two(stage: Stage) -> None:
    """One of two units goes back: exact by the line's own allocation (PY-08)."""
    story, order = stage.story, stage.orders["beans"]
    story.chapter("8. A partial refund: one of two units", "PY-08")
    paid = beans_bill(stage)
    sku = stage.sku_ids["bean-250"]
    back_fen = first_unit(paid.lines_fen[sku], 2)
    points_back = first_unit(paid.lines_points[sku], 2)
    base = sum(paid.lines_fen.values())
    taken = base // 100 - (base - back_fen) // 100
    before = await points(stage)
    growth_before = (await stage.buyer.get("/me/level"))["growth"]
    detail = await stage.buyer.get(f"/orders/{order['order_id']}")
    line = next(each for each in detail["lines"] if each["sku_id"] == sku)
    refund = await stage.merchant.post(
        f"/operator/orders/{order['order_id']}/refunds",
        {"lines": [{"order_line_id": line["order_line_id"], "quantity": 1}], "reason": "少了一包"},
    )
    story.ours(refund["refund_id"])
    story.check("the refund is exactly the unit's share", refund["refund_fen"], back_fen)
    story.amount("refund", back_fen, f"of {paid.lines_fen[sku]} fen paid for 2 units")
    await story.events("RefundRequested", "RefundSucceeded", "OrderRefunded", "PointsReversed")
    await story.eventually(
        "spent points come back pro rata, earned ones go", lambda: points(stage), before + points_back - taken
    )
    growth = (await stage.buyer.get("/me/level"))["growth"]
    story.check("growth goes back too", growth, growth_before - taken)
    story.tell(f"{points_back} spent points returned, {taken} earned points and growth taken back")

    async def on_hand() -> int:
        return (await sku_stock(stage, "bean-250"))[0]

    await story.eventually("the unit is back on the shelf", on_hand, STOCK - 1)
    known = await stage.wechat_knows(order["out_trade_no"])
    story.check(
        "WeChat paid it out once", [each["amount"]["refund"] for each in known["refunds"]], [back_fen]
    )
    detail = await stage.buyer.get(f"/orders/{order['order_id']}")
    story.check(
        "the order shows it", (detail["refund_summary"], detail["refunded_fen"]), ("partial", back_fen)
    )


async def let_one_close(stage: Stage) -> None:
    """An unpaid order closes by its durable timer and gives everything back once (OR-11)."""
    story, buyer, merchant = stage.story, stage.buyer, stage.merchant
    story.chapter("9. An order that nobody pays", "OR-11, MK-02")
    rules = await merchant.get("/operator/order-rules")
    await merchant.put("/operator/order-rules", {**rules, "pay_timeout_seconds": PAY_TIMEOUT_SECONDS})
    try:
        before = await points(stage)
        stock_before = await sku_stock(stage, "bean-100")
        order = await place(
            stage,
            "unpaid",
            {"bean-100": 1},
            coupon="freight",
            use_points=stage.point_rules["points_per_yuan"],
            expected=small_bill(stage),
        )
    finally:
        await merchant.put("/operator/order-rules", rules)
    await buyer.post(f"/orders/{order['order_id']}/pay")
    story.tell(f"the shopper opens the cashier and walks away; {PAY_TIMEOUT_SECONDS} s to pay")
    await story.eventually("the order closes", lambda: status(stage, order["order_id"]), "closed")
    await story.events("OrderClosed")
    await story.eventually("the points are back", lambda: points(stage), before)
    await story.eventually("the coupon is back", lambda: coupon_state(stage, "freight"), "available")
    await story.eventually("the stock is back", lambda: sku_stock(stage, "bean-100"), stock_before)
    payment = await merchant.get(f"/operator/payments/{order['order_id']}")
    known = await stage.wechat_knows(payment["attempts"][-1]["out_trade_no"])
    story.check("WeChat closed it too", known["trade_state"], "CLOSED")
    story.tell("closed here and at WeChat; points, coupon and stock are free again")


async def count_the_day(stage: Stage) -> None:
    """The day's numbers grew by exactly what the journey did (AN-01, 02, 05, 06, 07, 11, 20)."""
    story = stage.story
    story.chapter("10. The day's numbers", "AN-01, AN-02, AN-05, AN-06, AN-07, AN-11, AN-20")
    paid = [
        (await stage.buyer.get(f"/orders/{stage.orders[name]['order_id']}")) for name in ("kettle", "beans")
    ]
    gmv_fen = sum(order["payable_fen"] for order in paid)
    refunded_fen = sum(order["refunded_fen"] for order in paid)
    expected = {
        "pv": 3,
        "uv": 1,
        "orders_created": 3,
        "orders_paid": 2,
        "paying_members": 1,
        "gmv_fen": gmv_fen,
        "refund_fen": refunded_fen,
        "net_gmv_fen": gmv_fen - refunded_fen,
    }

    async def growth() -> dict[str, Any]:
        numbers = await day_numbers(stage)
        return {name: numbers[name] - stage.day_before[name] for name in expected}

    await story.eventually("what the journey added to the day", growth, expected)
    numbers = await day_numbers(stage)
    for name in expected:
        story.tell(f"{name:<16} {stage.day_before[name]:>10} → {numbers[name]:>10}")
    story.check(
        "customer price is GMV by paying members",
        round(numbers["customer_price_fen"] * numbers["paying_members"]),
        numbers["gmv_fen"],
    )
    story.check(
        "pay conversion is paying visitors by visitors",
        round(numbers["pay_conversion"] * numbers["uv"]),
        numbers["paying_visitors"],
    )
    funnel = (await stage.merchant.get("/operator/funnels/default", **_today()))["funnel"]
    story.tell(
        f"{funnel['title']}: " + " → ".join(f"{step['title']} {step['actors']}" for step in funnel["steps"])
    )
    story.check("the funnel narrows", *_sorted([step["actors"] for step in funnel["steps"]]))


async def day_numbers(stage: Stage) -> dict[str, Any]:
    """Today's metrics."""
    summary = await stage.merchant.get("/operator/metrics/summary", **_today())
    return {name: value or 0 for name, value in summary["values"].items()}


def _today() -> dict[str, str]:
    today = shop_day(datetime.now(UTC)).isoformat()
    return {"from": today, "to": today}


def _sorted(counts: list[int]) -> tuple[list[int], list[int]]:
    return counts, sorted(counts, reverse=True)


def _when(event: dict[str, Any]) -> str:
    return str(event["occurred_at"])
