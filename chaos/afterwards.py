"""What follows a payment: seeing it arrive, parcels, receipt, refunds by operators, and after-sale requests."""

import asyncio
from random import Random
from typing import Any, Protocol

from chaos.calls import Answer, Send
from shared.ids import new_id

SHIPPED_SHARE, CONFIRMED_SHARE = 0.8, 0.6
REFUNDED_SHARE, REFUNDED_AGAIN_SHARE, AFTER_SALE_SHARE = 0.2, 0.4, 0.1
PATIENCE_SECONDS = 120.0
"""How long a shopper looks whether a payment arrived."""

IN_SHORT = ("order_id", "status", "payable_fen", "refunded_fen", "refund_summary", "type", "title")
"""What the journal keeps of an order that was looked at."""

Body = dict[str, Any]


class Buyer(Protocol):
    """What is needed of a shopper here."""

    random: Random

    async def do(
        self, call: str, request: Body, send: Send, *, key: str | None = None, told: Any = ...
    ) -> Answer:
        """A journalled call."""
        ...

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """One attempt at the shop's front door."""
        ...

    async def journalled(
        self,
        call: str,
        path: str,
        body: Body | None = None,
        *,
        about: Body | None = None,
        keyed: bool = False,
    ) -> Answer:
        """A journalled call of the shopper's own."""
        ...

    async def operate(self, call: str, path: str, body: Body, about: Body) -> Answer:
        """A journalled call of an operator's."""
        ...


async def afterwards(buyer: Buyer, order_id: str) -> None:
    """See it paid, have it shipped, receive it, and have a part of it taken back."""
    order = await _see_paid(buyer, order_id)
    random, about = buyer.random, {"order_id": order_id}
    if order is None:
        return
    if random.random() < SHIPPED_SHARE:
        parcel = {"carrier": "ZTO", "tracking_number": f"ZTO{new_id().hex[-12:]}"}
        await buyer.operate("ship-order", f"/operator/orders/{order_id}/shipments", parcel, about)
        if random.random() < CONFIRMED_SHARE:
            await buyer.journalled("confirm-receipt", f"/orders/{order_id}/confirm-receipt", about=about)
    if random.random() < AFTER_SALE_SHARE:
        await _ask_for_money_back(buyer, order)
    if random.random() < REFUNDED_SHARE:
        for line in random.sample(order["lines"], k=len(order["lines"])):
            wish = {"lines": [_one_of(line)], "reason": "少发了一件"}
            await buyer.operate("request-refund", f"/operator/orders/{order_id}/refunds", wish, about)
            if random.random() > REFUNDED_AGAIN_SHARE:
                break


async def _ask_for_money_back(buyer: Buyer, order: Body) -> None:
    """The shopper asks for a unit's money back, and the service desk grants it."""
    about = {"order_id": order["order_id"]}
    wish = {
        "kind": "refund_only",
        "reason": "missing_goods",
        "lines": [_one_of(buyer.random.choice(order["lines"]))],
    }
    path = f"/orders/{order['order_id']}/after-sales"
    asked = await buyer.journalled("request-after-sale", path, wish, about=about, keyed=True)
    if asked.is_done:
        after_sale_id = asked.body["after_sale_id"]
        path = f"/operator/after-sales/{after_sale_id}/approve"
        await buyer.operate("approve-after-sale", path, {}, {"after_sale_id": after_sale_id})


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
