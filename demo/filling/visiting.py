"""A visit: logging in, looking around, filling the cart; what the client reports of it."""

import asyncio
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from demo.filling.buying import place_order
from demo.filling.in_process import InProcessClient
from demo.filling.stage import Stage, Visitor
from demo.visits import Behaviour, Visit
from shared.ids import new_id

APP_VERSION = "1.0.0"
DEVICES = (
    {"platform": "ios", "model": "iPhone 15", "wx_version": "8.0.54", "w": 393, "h": 852},
    {"platform": "android", "model": "Redmi K70", "wx_version": "8.0.53", "w": 393, "h": 873},
    {"platform": "android", "model": "HUAWEI Mate 60", "wx_version": "8.0.54", "w": 408, "h": 907},
)


async def enter(stage: Stage, visit: Visit) -> None:
    """Open the mini-program: log in, and search if that is what they came for; more comes when they leave."""
    visitor = stage.visitors.get(visit.shopper.key)
    if visitor is None:
        visitor = stage.visitors[visit.shopper.key] = await _meet(stage, visit)
        await log_in(stage, visitor, scene=visit.channel.scene)
        await _introduce(stage, visitor)
    else:
        await log_in(stage, visitor, scene=visit.channel.scene)
    for behaviour in visit.behaviours:
        if behaviour.action == "search":
            await visitor.client.get("/search", q=behaviour.keyword)
    left_at = visit.order.at if visit.order else visit.behaviours[-1].at
    stage.agenda.add(left_at, partial(_leave, stage, visitor, visit))


async def log_in(stage: Stage, visitor: Visitor, *, scene: int) -> None:
    """Log in with a fresh code of WeChat's; an earlier login is forgotten, it may have ended."""
    visitor.client.token = None
    body = {"code": await stage.wechat.login_code(visitor.openid), "scene": str(scene)}
    visitor.client.token = (await visitor.client.post("/auth/wechat/login", body))["token"]


async def _meet(stage: Stage, visit: Visit) -> Visitor:
    shopper = visit.shopper
    openid = await stage.wechat.user(nickname=shopper.nickname, phone=shopper.address.phone)
    return Visitor(
        shopper, InProcessClient(stage.exchange), openid, uuid5(NAMESPACE_URL, f"demo/{shopper.key}")
    )


async def _introduce(stage: Stage, visitor: Visitor) -> None:
    """Agree to the privacy agreement, and say how to be called."""
    consent = {"purpose": "privacy", "version": stage.agreement_version}
    await visitor.client.post("/me/consents", consent)
    await visitor.client.patch("/me", {"nickname": visitor.shopper.nickname})


async def _leave(stage: Stage, visitor: Visitor, visit: Visit) -> None:
    """What was put into the cart is kept, the client reports what it saw, and what was wanted is ordered."""
    await asyncio.gather(_fill_cart(stage, visitor, visit), _report(stage, visitor, visit))
    if visit.order is not None:
        await place_order(stage, visitor, visit.order)


async def _fill_cart(stage: Stage, visitor: Visitor, visit: Visit) -> None:
    for behaviour in visit.behaviours:
        if behaviour.sku_code and behaviour.quantity:
            line = {"quantity": behaviour.quantity, "selected": visit.order is not None}
            await visitor.client.put(f"/cart/lines/{stage.goods.skus[behaviour.sku_code]}", line)


async def _report(stage: Stage, visitor: Visitor, visit: Visit) -> None:
    session_id, sent_at = str(new_id()), stage.time.now().isoformat()
    events = [
        {
            "event_id": str(new_id()),
            "event": behaviour.action,
            "schema_version": 1,
            "occurred_at": behaviour.at.isoformat(),
            "sent_at": sent_at,
            "anon_id": str(visitor.anon_id),
            "session_id": session_id,
            "seq": seq,
            "app": "mini",
            "app_version": APP_VERSION,
            "page": behaviour.page,
            "scene": str(visit.channel.scene),
            "channel": visit.channel.name,
            "device": DEVICES[visitor.anon_id.int % len(DEVICES)],
            "network": "wifi",
            "props": _props(stage, visit, behaviour),
        }
        for seq, behaviour in enumerate(visit.behaviours, start=1)
    ]
    answer = await visitor.client.post("/behaviour-events", {"events": events})
    if refused := [result for result in answer["results"] if result["result"] != "accepted"]:
        raise ValueError(f"The shop does not take these behaviour events: {refused}")


def _props(stage: Stage, visit: Visit, behaviour: Behaviour) -> dict[str, Any]:
    """What the event catalogue wants to know of each action."""
    shown = stage.goods.products.get(behaviour.product_code or "")
    product = (
        {"product_id": shown.product_id, "category_id": shown.category_id, "price_fen": shown.price_fen}
        if shown
        else {}
    )
    match behaviour.action:
        case "search":
            return {"keyword": behaviour.keyword, "page_no": 1}
        case "product_view":
            return product | {"source": "list"}
        case "add_to_cart":
            return product | {"sku_id": stage.goods.skus[behaviour.sku_code or ""], "qty": behaviour.quantity}
        case "checkout_start":
            return {"item_count": len(visit.order.lines) if visit.order else 0, "from": "cart"}
        case _:
            return {}
