"""What shoppers do about an order: coupon, points, placing it; paying, giving it up, or neither."""

from datetime import timedelta
from functools import partial
from typing import Any

from demo.client import Client
from demo.filling.stage import Parcel, Placed, Stage, Visitor
from demo.visits import Abandoned, Cancelled, Order, Paid

OPENS_CASHIER_AFTER = timedelta(seconds=20)

Wish = dict[str, Any]
Quote = dict[str, Any]


async def place_order(stage: Stage, visitor: Visitor, order: Order) -> None:
    """Order what is selected in the cart, and note down what becomes of it."""
    await stage.time.tell_wechat()
    if not any(placed.visitor is visitor for placed in stage.placed):
        await _tell_where_to(stage, visitor)
    wish: Wish = {}
    quote = await visitor.client.post("/checkout/preview", wish)
    if order.uses_coupon:
        wish, quote = await _with_coupon(visitor.client, quote)
    if order.uses_points and quote["spendable_points"]:
        wish["use_points"] = quote["spendable_points"]
        quote = await visitor.client.post("/checkout/preview", wish)
        wish["use_points"] = quote["points_used"]
    placed = await _place(stage, visitor, wish, quote)
    now = stage.time.now()
    match order.outcome:
        case Paid() as paid:
            paid_at = now + timedelta(seconds=paid.after_seconds)
            stage.agenda.add(paid_at, partial(_pay, stage, placed, paid))
        case Cancelled(after_seconds=seconds):
            stage.agenda.add(now + timedelta(seconds=seconds), partial(_cancel, stage, placed))
        case Abandoned():
            stage.agenda.add(now + OPENS_CASHIER_AFTER, partial(_walk_away_from_cashier, stage, placed))


async def _place(stage: Stage, visitor: Visitor, wish: Wish, quote: Quote) -> Placed:
    body = wish | {"quote_fingerprint": quote["quote_fingerprint"]}
    answer = await visitor.client.post("/orders", body)
    placed = Placed(visitor, len(stage.placed) + 1, answer["order_id"], answer["order_number"])
    stage.placed.append(placed)
    return placed


async def _tell_where_to(stage: Stage, visitor: Visitor) -> None:
    """The first order needs an address; the phone is bound on the way, after its own consent."""
    client, address = visitor.client, visitor.shopper.address
    await client.post(
        "/me/addresses",
        {
            "recipient": address.recipient,
            "phone": address.phone,
            "province": address.province,
            "city": address.city,
            "district": address.district,
            "street": address.detail,
        },
    )
    await client.post("/me/consents", {"purpose": "phone", "version": stage.agreement_version})
    await client.post("/me/phone", {"code": await stage.wechat.phone_code(visitor.openid)})


async def _with_coupon(client: Client, quote: Quote) -> tuple[Wish, Quote]:
    """Use a coupon that fits the cart; when there is none in hand, claim those that may."""
    if not quote["usable_coupons"]:
        for template in (await client.get("/coupon-templates"))["items"]:
            if template["claimable"] and template["threshold_fen"] <= quote["goods_fen"]:
                await client.post(f"/coupon-templates/{template['template_id']}/claim")
        quote = await client.post("/checkout/preview", {})
    for coupon in quote["usable_coupons"]:
        wish: Wish = {"coupon_id": coupon["coupon_id"]}
        cheaper = await client.post("/checkout/preview", wish)
        if cheaper["payable_fen"] < quote["payable_fen"]:
            return wish, cheaper
    return {}, quote


async def _walk_away_from_cashier(stage: Stage, placed: Placed) -> None:
    """Begin to pay, and leave it at that: the order closes by its own deadline."""
    await stage.time.tell_wechat()
    await placed.visitor.client.post(f"/orders/{placed.order_id}/pay")
    stage.time.stir()


async def _pay(stage: Stage, placed: Placed, paid: Paid) -> None:
    """Pay in WeChat; what there is to ship goes to the packing table."""
    await stage.time.tell_wechat()
    answer = await placed.visitor.client.post(f"/orders/{placed.order_id}/pay")
    if answer["request_payment"] is not None:
        openid = placed.visitor.openid
        await stage.wechat.pay(placed.order_number, answer["request_payment"], openid=openid)
    stage.time.stir()
    ready_at = stage.time.now() + timedelta(hours=paid.ship_after_hours)
    stage.packing_table.append(Parcel(placed, paid, ready_at))


async def _cancel(stage: Stage, placed: Placed) -> None:
    await stage.time.tell_wechat()
    await placed.visitor.client.post(f"/orders/{placed.order_id}/cancel")
    stage.time.stir()
