"""The chapters of money: preview, order, payment."""

from typing import Any

from demo.client import Refused
from demo.journey.arithmetic import Bill, bill
from demo.journey.arrival import points
from demo.journey.preparation import COUPONS, STOCK, TIERS, prices_of
from demo.journey.stage import Stage
from shared.ids import new_id


async def buy_the_kettle(stage: Stage) -> None:
    """A first order that lifts the member to silver (OR-01, PY-01, MB-01)."""
    story = stage.story
    story.chapter(
        "5. The first order: dear enough for the silver level", "OR-01, PY-01, MK-01, MK-03, MB-01, MB-03"
    )
    expected = _expected(stage, {"kettle": 1}, coupon="amount", points_used=0, level=0)
    order = await place(stage, "kettle", {"kettle": 1}, coupon="amount", use_points=0, expected=expected)
    await pay(stage, "kettle", order)
    earned = expected.payable_fen // 100
    await story.events("OrderPaid", "CouponRedeemed", "PointsEarned", "LevelChanged")
    login = stage.point_rules["login_points"]
    await story.eventually("points after the first order", lambda: points(stage), login + earned)
    level = await stage.buyer.get("/me/level")
    story.check("growth is what was paid, in yuan", level["growth"], earned)
    story.check("the member is silver at once", level["level"]["code"], stage.levels[1]["code"])
    story.tell(
        f"{earned} points and growth: now {level['level']['name']}, paying {level['level']['discount_bp'] / 100:g} %"
    )


async def buy_the_beans(stage: Stage) -> None:
    """The order where every step of the price engine takes part (MK-17)."""
    story, buyer = stage.story, stage.buyer
    story.chapter(
        "6. The second order: every step of the price", "MK-17, MB-02, MB-04, MK-01, MK-03, OR-01, PY-01"
    )
    before = await points(stage)
    use_points = 5 * stage.point_rules["points_per_yuan"]
    quantities = {"bean-250": 2, "bean-100": 1}
    for sku, quantity in quantities.items():
        await buyer.put(f"/cart/lines/{stage.sku_ids[sku]}", {"quantity": quantity, "selected": True})
    cart = await buyer.get("/cart")
    story.check("the cart holds both", len(cart["lines"]), 2)
    expected = _expected(stage, quantities, coupon="percent", points_used=use_points, level=1)
    order = await place(
        stage, "beans", quantities, coupon="percent", use_points=use_points, expected=expected, from_cart=True
    )
    story.check("points are held", await points(stage), before - use_points)
    story.check("stock is reserved", await available(stage, "bean-250"), STOCK - 2)
    story.check("the coupon is locked", await coupon_state(stage, "percent"), "locked")
    await refuse_a_used_coupon(stage, order)
    await pay(stage, "beans", order)
    await story.events("OrderPaid", "CouponRedeemed", "PointsSpent", "PointsEarned")
    earned = sum(expected.lines_fen.values()) // 100
    await story.eventually(
        "points after the second order", lambda: points(stage), before - use_points + earned
    )
    await story.eventually("the coupon is used", lambda: coupon_state(stage, "percent"), "used")
    story.check("the stock is gone for good", await sku_stock(stage, "bean-250"), (STOCK - 2, 0, 2))
    story.check("the cart is empty again", (await buyer.get("/cart"))["lines"], [])


async def refuse_a_used_coupon(stage: Stage, order: dict[str, Any]) -> None:
    """A coupon held by one order is no coupon for another; points beyond the balance are none either."""
    lines = [{"sku_id": stage.sku_ids["bean-100"], "quantity": 1}]
    for what, wish, status in (
        ("the same coupon in another order", {"coupon_id": stage.coupon_ids["percent"]}, 409),
        ("points beyond the balance", {"use_points": 10**9}, 409),
        ("more than there is", {"lines": [{**lines[0], "quantity": 999}]}, 409),
    ):
        wanted = {"lines": lines, **wish}
        quote = await stage.buyer.post("/checkout/preview", wanted)
        body = {**wanted, "quote_fingerprint": quote["quote_fingerprint"]}
        try:
            await stage.buyer.post("/orders", body)
        except Refused as refusal:
            stage.story.check(f"{what} is refused", refusal.status, status)
            stage.story.tell(f"{what}: refused, {refusal.status} {refusal.slug}")
        else:
            stage.story.check(f"{what} is refused", "an order", order["order_id"])


async def place(
    stage: Stage,
    name: str,
    quantities: dict[str, int],
    *,
    coupon: str,
    use_points: int,
    expected: Bill,
    from_cart: bool = False,
) -> dict[str, Any]:
    """Preview, hold the preview against our own arithmetic, and place the order (twice, with one key)."""
    story, buyer = stage.story, stage.buyer
    wish: dict[str, Any] = {"coupon_id": stage.coupon_ids[coupon], "use_points": use_points}
    if not from_cart:
        wish["lines"] = [{"sku_id": stage.sku_ids[sku], "quantity": n} for sku, n in quantities.items()]
    quote = await buyer.post("/checkout/preview", wish)
    told: dict[str, int] = {}
    for step in quote["explanation"]:
        told[step["step"]] = told.get(step["step"], 0) + step["amount_fen"]
        story.amount(step["name"], step["amount_fen"], step["source_name"])
    story.amount("= payable", quote["payable_fen"])
    story.check("every step is explained and they sum up", sum(told.values()), quote["payable_fen"])
    story.check("goods", quote["goods_fen"], expected.goods_fen)
    story.check("coupon", quote["coupon_discount_fen"], expected.coupon_fen)
    story.check("points", quote["points_discount_fen"], expected.points_fen)
    story.check("freight", quote["freight_fen"], expected.freight_fen)
    story.check("freight coupon", quote["freight_discount_fen"], expected.freight_coupon_fen)
    story.check("payable", quote["payable_fen"], expected.payable_fen)
    story.check(
        "every line", {line["sku_id"]: line["payable_fen"] for line in quote["lines"]}, expected.lines_fen
    )
    key = str(new_id())
    body = {**wish, "quote_fingerprint": quote["quote_fingerprint"]}
    order: dict[str, Any] = await buyer.post("/orders", body, key=key)
    story.check("the same key gives the same order", await buyer.post("/orders", body, key=key), order)
    stage.orders[name] = order
    story.ours(order["order_id"])
    detail = await buyer.get(f"/orders/{order['order_id']}")
    story.check("the order waits for payment", detail["status"], "pending_pay")
    story.check("the order costs what was quoted", detail["payable_fen"], expected.payable_fen)
    story.tell(
        f"order {order['order_number']} placed; a repeat with the same Idempotency-Key changed nothing"
    )
    await story.events("OrderPlaced")
    return order


async def pay(stage: Stage, name: str, order: dict[str, Any]) -> None:
    """Pay in WeChat; the signed notice comes by itself, and the order is paid once."""
    story = stage.story
    answer = await stage.buyer.post(f"/orders/{order['order_id']}/pay")
    out_trade_no = await _out_trade_no(stage, order["order_id"])
    paid = await stage.wechat_does(
        f"/payments/{out_trade_no}/pay",
        {"request_payment": answer["request_payment"], "openid": stage.openid},
    )
    story.check("WeChat took the parameters (paySign verifies)", paid["trade_state"], "SUCCESS")
    story.tell("paid in WeChat; waiting for its notice")
    await story.eventually(
        "the order is paid", lambda: status(stage, order["order_id"], wait_seconds=5), "paid"
    )
    again = await stage.wechat_does(f"/notices/{out_trade_no}/send", {"variant": "good"})
    story.check("the same notice again is accepted", again["accepted"], True)
    forged = await stage.wechat_does(f"/notices/{out_trade_no}/send", {"variant": "forge"})
    story.check("a forged notice is not", forged["status"], 401)
    stage.orders[name]["out_trade_no"] = out_trade_no


async def status(stage: Stage, order_id: str, *, wait_seconds: int = 0) -> str:
    """Where one of the shopper's orders stands; the shop waits so long for its payment before it answers."""
    told = await stage.buyer.get(f"/orders/{order_id}/status", wait_seconds=wait_seconds)
    return str(told["status"])


async def coupon_state(stage: Stage, name: str) -> str:
    """The state of a claimed coupon."""
    coupons = (await stage.buyer.get("/me/coupons"))["items"]
    return str(next(each["state"] for each in coupons if each["coupon_id"] == stage.coupon_ids[name]))


async def available(stage: Stage, sku: str) -> int:
    """How many can still be bought."""
    on_hand, reserved, _ = await sku_stock(stage, sku)
    return on_hand - reserved


async def sku_stock(stage: Stage, sku: str) -> tuple[int, int, int]:
    """On hand, reserved, sold, as the merchant sees them."""
    code = "kettle" if sku == "kettle" else "beans"
    product = await stage.merchant.get(f"/operator/products/{stage.product_ids[code]}")
    found = next(each for each in product["skus"] if each["sku_id"] == stage.sku_ids[sku])
    return found["on_hand"], found["reserved"], found["sold"]


def _expected(stage: Stage, quantities: dict[str, int], *, coupon: str, points_used: int, level: int) -> Bill:
    prices = prices_of(stage)
    return bill(
        {stage.sku_ids[sku]: (prices[sku], quantity) for sku, quantity in quantities.items()},
        level_bp=stage.levels[level]["discount_bp"],
        tiers=TIERS,
        coupon=COUPONS[coupon],
        points=points_used,
        points_per_yuan=stage.point_rules["points_per_yuan"],
        freight=stage.freight,
    )


async def _out_trade_no(stage: Stage, order_id: str) -> str:
    payment = await stage.merchant.get(f"/operator/payments/{order_id}")
    return str(payment["attempts"][-1]["out_trade_no"])


def beans_bill(stage: Stage) -> Bill:
    """What the second order cost."""
    use_points = 5 * stage.point_rules["points_per_yuan"]
    return _expected(stage, {"bean-250": 2, "bean-100": 1}, coupon="percent", points_used=use_points, level=1)


def small_bill(stage: Stage) -> Bill:
    """What the order that is never paid would cost."""
    use_points = stage.point_rules["points_per_yuan"]
    return _expected(stage, {"bean-100": 1}, coupon="freight", points_used=use_points, level=1)
