"""After-sale requests from asking to their end: money back, goods back, new goods, or never mind (OR-10)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from chaos.buyers import Body, Buyer
from shared.ids import new_id

KINDS = {"refund_only": 30, "return_and_refund": 35, "exchange": 35}
"""What is asked for of goods that have left; others can only be given up."""

WITHDRAWN = {"never": 80, "at once": 8, "when granted": 12}
REPLACED = {"ship": 70, "money instead": 20, "leave": 10}
CONFIRMED_SHARE = 0.6
PATIENCE_SECONDS = 60.0
"""How long an operator looks whether stock is held for an exchange."""


async def ask_after_sale(buyer: Buyer, order: Body, *, is_shipped: bool) -> None:
    """Ask for some units of a line to be taken back, and go the whole way with the service desk."""
    kind = _one_of(buyer, KINDS) if is_shipped else "refund_only"
    withdrawn = _one_of(buyer, WITHDRAWN)
    line = buyer.random.choice(order["lines"])
    units = {
        "order_line_id": line["order_line_id"],
        "quantity": buyer.random.randint(1, line["quantity"]),
    }
    wish = {"kind": kind, "reason": "missing_goods", "lines": [units]}
    path = f"/orders/{order['order_id']}/after-sales"
    asked = await buyer.journalled(
        "request-after-sale", path, wish, about={"order_id": order["order_id"]}, keyed=True
    )
    if not asked.is_done:
        return
    after_sale_id = asked.body["after_sale_id"]
    if withdrawn == "at once":
        await _shopper(buyer, "withdraw-after-sale", after_sale_id, "cancel")
    else:
        await _operator(buyer, "approve-after-sale", after_sale_id, "approve")
        if withdrawn == "when granted":
            await _shopper(buyer, "withdraw-after-sale", after_sale_id, "cancel")
        elif kind != "refund_only":
            await _bring_back(buyer, after_sale_id, units)
            if kind == "exchange":
                await _replace(buyer, after_sale_id)


async def _bring_back(buyer: Buyer, after_sale_id: str, units: Mapping[str, Any]) -> None:
    """The shopper sends the goods, and the service desk looks how many can be sold again."""
    await _shopper(buyer, "send-back", after_sale_id, "send-back", _parcel())
    restockable = buyer.random.randint(0, units["quantity"])
    inspected = {
        "order_line_id": units["order_line_id"],
        "restockable_quantity": restockable,
        "damaged_quantity": units["quantity"] - restockable,
    }
    await _operator(buyer, "receive-return", after_sale_id, "receive", {"lines": [inspected]})


async def _replace(buyer: Buyer, after_sale_id: str) -> None:
    """Operators send new goods once they are held, or give money instead."""
    how = _one_of(buyer, REPLACED)
    status = await _see_decided(buyer, after_sale_id)
    if status == "out_of_stock" or how == "money instead":
        await _operator(buyer, "refund-instead", after_sale_id, "refund-instead")
    elif status == "replacing" and how == "ship":
        await _operator(buyer, "ship-replacement", after_sale_id, "ship-replacement", _parcel())
        if buyer.random.random() < CONFIRMED_SHARE:
            await _shopper(buyer, "confirm-replacement", after_sale_id, "confirm-replacement")


async def _see_decided(buyer: Buyer, after_sale_id: str) -> str | None:
    """Look until stock is held for an exchange or is known not to be there; its status then."""
    pause, waited = 0.3, 0.0
    while waited < PATIENCE_SECONDS:
        await asyncio.sleep(pause)
        waited, pause = waited + pause, min(5.0, pause * 1.6)
        seen = await buyer.do(
            "see-after-sale",
            {"after_sale_id": after_sale_id},
            lambda: buyer.send("GET", f"/after-sales/{after_sale_id}"),
            told=_in_short,
        )
        if seen.is_done and seen.body["status"] != "received":
            return str(seen.body["status"])
    return None


async def _shopper(buyer: Buyer, call: str, after_sale_id: str, step: str, body: Body | None = None) -> None:
    about = {"after_sale_id": after_sale_id}
    await buyer.journalled(call, f"/after-sales/{after_sale_id}/{step}", body, about=about)


async def _operator(buyer: Buyer, call: str, after_sale_id: str, step: str, body: Body | None = None) -> None:
    path = f"/operator/after-sales/{after_sale_id}/{step}"
    await buyer.operate(call, path, body or {}, {"after_sale_id": after_sale_id})


def _parcel() -> Body:
    return {"carrier": "ZTO", "tracking_number": f"ZTO{new_id().hex[-12:]}"}


def _one_of(buyer: Buyer, weights: Mapping[str, int]) -> str:
    return buyer.random.choices(list(weights), weights=list(weights.values()))[0]


def _in_short(body: Any) -> Any:
    return {name: body[name] for name in ("after_sale_id", "status", "type", "title") if name in body}
