"""What follows a payment: seeing it arrive, parcels, receipt, after-sale requests, and refunds by operators."""

import asyncio
from typing import Any

from chaos.after_sales import ask_after_sale
from chaos.buyers import Body, Buyer
from shared.ids import new_id

SHIPPED_SHARE, CONFIRMED_SHARE = 0.8, 0.6
REFUNDED_SHARE, REFUNDED_AGAIN_SHARE, AFTER_SALE_SHARE = 0.2, 0.4, 0.3
PATIENCE_SECONDS = 120.0
"""How long a shopper looks whether a payment arrived."""

IN_SHORT = ("order_id", "status", "payable_fen", "refunded_fen", "refund_summary", "type", "title")
"""What the journal keeps of an order that was looked at."""


async def afterwards(buyer: Buyer, order_id: str) -> None:
    """See it paid, have it shipped, receive it, and have a part of it taken back."""
    order = await _see_paid(buyer, order_id)
    random, about = buyer.random, {"order_id": order_id}
    if order is None:
        return
    is_shipped = random.random() < SHIPPED_SHARE
    if is_shipped:
        parcel = {"carrier": "ZTO", "tracking_number": f"ZTO{new_id().hex[-12:]}"}
        await buyer.operate("ship-order", f"/operator/orders/{order_id}/shipments", parcel, about)
        if random.random() < CONFIRMED_SHARE:
            await buyer.journalled("confirm-receipt", f"/orders/{order_id}/confirm-receipt", about=about)
    if random.random() < AFTER_SALE_SHARE:
        await ask_after_sale(buyer, order, is_shipped=is_shipped)
    if random.random() < REFUNDED_SHARE:
        for line in random.sample(order["lines"], k=len(order["lines"])):
            wish = {"lines": [_one_of(line)], "reason": "少发了一件"}
            await buyer.operate("request-refund", f"/operator/orders/{order_id}/refunds", wish, about)
            if random.random() > REFUNDED_AGAIN_SHARE:
                break


async def _see_paid(buyer: Buyer, order_id: str) -> Body | None:
    """Look until the order is paid or closed; None unless it is paid."""
    pause, waited = 0.4, 0.0
    while waited < PATIENCE_SECONDS:
        await asyncio.sleep(pause)
        waited, pause = waited + pause, min(10.0, pause * 1.6)
        seen = await buyer.do(
            "see-order",
            {"order_id": order_id},
            lambda: buyer.send("GET", f"/orders/{order_id}"),
            told=_in_short,
        )
        if seen.is_done and seen.body["status"] not in ("pending_pay", "closing"):
            return seen.body if seen.body["status"] != "closed" else None
    return None


def _one_of(line: Body) -> Body:
    return {"order_line_id": line["order_line_id"], "quantity": 1}


def _in_short(body: Any) -> Any:
    return {name: body[name] for name in IN_SHORT if name in body}
