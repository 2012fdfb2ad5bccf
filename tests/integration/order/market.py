"""What the order tests say: goods, buyers, previewing, ordering, paying, shipping, and looking into the books."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.order.resources import OrderResources
from shared.clock import ManualClock
from shared.database import begin, reading
from shared.events import Event, PaymentSucceeded
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from tests.support.shop import Caller, Shop

ADDRESS = {
    "recipient": "王小明",
    "phone": "13800138000",
    "province": "云南省",
    "city": "昆明市",
    "district": "盘龙区",
    "street": "北京路 1 号",
}


class Crash(Exception):
    """The process dies here."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """A member with a default address."""

    member_id: UUID
    openid: str
    address_id: str
    caller: Caller

    async def get(self, path: str) -> httpx.Response:
        return await self.caller.get("order", path)

    async def post(self, path: str, json: Any = None, **headers: str) -> httpx.Response:
        return await self.caller.post("order", path, json, headers=headers)

    async def put(self, path: str, json: Any) -> httpx.Response:
        return await self.caller.put("order", path, json)


@dataclass(frozen=True, slots=True)
class Market:
    """The order service among its siblings."""

    shop: Shop
    clock: ManualClock

    @property
    def resources(self) -> OrderResources:
        found = self.shop.platform.resources["order"]
        assert isinstance(found, OrderResources)
        return found

    async def prepare(self) -> None:
        """A WeChat without waiting times, and freight that is easy to reckon with."""
        rules = {
            "refund_settles_after_seconds": 0,
            "refund_interval_seconds": 0,
            "order_known_after_seconds": 0,
            "shipping_known_after_seconds": 0,
        }
        (await self.shop.wechat.control.put("/rules", json=rules)).raise_for_status()
        await self.operate("order", "PUT", "/operator/freight-rule", {"fee_fen": 800, "free_from_fen": 9_900})

    async def align(self) -> None:
        """Set WeChat's clock to ours."""
        await self.shop.wechat.keep_time(self.clock.now())

    async def advance(self, **by: float) -> None:
        """Move our clock and WeChat's, and let everything that is due happen."""
        step = timedelta(**by)
        self.clock.advance(step)
        await self.shop.wechat.advance(step)
        await self.shop.platform.settle()

    async def settle(self) -> None:
        await self.shop.platform.settle()

    # Goods and people

    async def operate(self, service: str, method: str, path: str, json: Any = None) -> Any:
        """An operator does something that must succeed."""
        answer = await self.shop.as_operator("owner").request(
            service, method, path, json=json, headers={"idempotency-key": str(new_id())}
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def product(self, *, price_fen: int = 1_000, stock: int = 10, skus: int = 1) -> dict[str, Any]:
        """A new product on sale."""
        code = f"P{new_id().hex[-14:].upper()}"
        category = await self.operate(
            "catalog", "POST", "/operator/categories", {"name": f"分类{code}", "parent_id": None}
        )
        product = await self.operate(
            "catalog",
            "POST",
            "/operator/products",
            {
                "product_code": code,
                "name": f"商品{code}",
                "category_id": category["category_id"],
                "options": [{"name": "款式", "values": [f"第{number}款" for number in range(skus)]}],
                "skus": [
                    {
                        "sku_code": f"{code}-{number}",
                        "options": {"款式": f"第{number}款"},
                        "price_fen": price_fen,
                        "stock": stock,
                    }
                    for number in range(skus)
                ],
            },
        )
        path = f"/operator/products/{product['product_id']}/publish"
        return dict(await self.operate("catalog", "POST", path))

    async def sku(self, *, price_fen: int = 1_000, stock: int = 10) -> str:
        """The SKU of a new product on sale."""
        return str((await self.product(price_fen=price_fen, stock=stock))["skus"][0]["sku_id"])

    async def buyer(self, *, points: int = 0) -> Buyer:
        """A new member with a default address, and so many points to spend."""
        openid = await self.shop.wechat.user()
        code = await self.shop.wechat.login_code(openid)
        login = await self.shop.as_service("gateway").post(
            "member", "/internal/logins", {"code": code, "scene": None}
        )
        assert login.status_code == 200, login.text
        member_id = UUID(login.json()["member_id"])
        caller = self.shop.as_member(member_id, wechat_openid=openid)
        address = await caller.post("member", "/me/addresses", ADDRESS)
        assert address.status_code == 201, address.text
        if points:
            await self.operate(
                "member",
                "POST",
                f"/operator/members/{member_id}/points-adjustments",
                {"points": points - 1, "reason": "补偿"},
            )
        return Buyer(member_id, openid, address.json()["address_id"], caller)

    async def coupon(self, buyer: Buyer, **terms: Any) -> str:
        """A coupon of the buyer's: 5 yuan off unless told otherwise."""
        template = await self.operate(
            "campaign",
            "POST",
            "/operator/coupon-templates",
            {
                "name": "新人券",
                "kind": "amount",
                "amount_fen": 500,
                "total_quota": 100,
                "valid_days": 7,
            }
            | terms,
        )
        path = f"coupon-templates/{template['template_id']}"
        await self.operate("campaign", "POST", f"/operator/{path}/start")
        claimed = await buyer.caller.post(
            "campaign", f"/{path}/claim", headers={"idempotency-key": str(new_id())}
        )
        assert claimed.status_code == 201, claimed.text
        return str(claimed.json()["coupon_id"])

    # Buying

    async def preview(self, buyer: Buyer, quantities: Mapping[str, int], **wish: Any) -> dict[str, Any]:
        """The quote for these SKUs."""
        answer = await buyer.post("/checkout/preview", _wish(quantities) | wish)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def order_body(self, buyer: Buyer, quantities: Mapping[str, int], **wish: Any) -> dict[str, Any]:
        """What a client sends to order what it previewed."""
        quote = await self.preview(buyer, quantities, **wish)
        return _wish(quantities) | wish | {"quote_fingerprint": quote["quote_fingerprint"]}

    async def try_order(
        self, buyer: Buyer, quantities: Mapping[str, int], *, key: str | None = None, **wish: Any
    ) -> httpx.Response:
        """Preview and order; the answer to ordering."""
        body = await self.order_body(buyer, quantities, **wish)
        return await buyer.post("/orders", body, **{"idempotency-key": key or str(new_id())})

    async def order(self, buyer: Buyer, quantities: Mapping[str, int], **wish: Any) -> dict[str, Any]:
        """An order that waits for payment."""
        answer = await self.try_order(buyer, quantities, **wish)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def pay(self, buyer: Buyer, order: Mapping[str, Any]) -> None:
        """The buyer pays in WeChat, and all that follows happens."""
        answer = await buyer.post(f"/orders/{order['order_id']}/pay")
        assert answer.status_code == 200, answer.text
        if (request_payment := answer.json()["request_payment"]) is not None:
            await self.shop.wechat.pay(order["order_number"], request_payment)
            await self.learn_of_payment(order)
        await self.settle()

    async def learn_of_payment(self, order: Mapping[str, Any]) -> None:
        """The payment service asks WeChat: no notice finds its way here without a gateway."""
        answer = await self.shop.as_service("order").get(
            "payment", f"/internal/payments/{order['order_id']}?refresh=true"
        )
        assert answer.json()["status"] == "succeeded", answer.text

    async def paid_order(self, buyer: Buyer, quantities: Mapping[str, int], **wish: Any) -> dict[str, Any]:
        """An order that was paid."""
        order = await self.order(buyer, quantities, **wish)
        await self.pay(buyer, order)
        return order

    async def detail(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The order as the owner reads it."""
        path = f"/operator/orders/{order['order_id']}"
        return dict(await self.operate("order", "GET", path))

    async def status(self, order: Mapping[str, Any]) -> str:
        return str((await self.detail(order))["status"])

    async def ship(
        self, order: Mapping[str, Any], units: Mapping[str, int] | None = None, **more: Any
    ) -> Any:
        """Send a parcel that must go."""
        return await self.operate(
            "order", "POST", f"/operator/orders/{order['order_id']}/shipments", _parcel(units) | more
        )

    async def try_refund(
        self,
        order: Mapping[str, Any],
        units: Mapping[str, int],
        *,
        operator: Caller | None = None,
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """An operator gives units back; the answer."""
        lines = [{"order_line_id": line, "quantity": quantity} for line, quantity in units.items()]
        return await (operator or self.shop.as_operator("finance")).post(
            "order",
            f"/operator/orders/{order['order_id']}/refunds",
            {"lines": lines, "reason": "不想要了"} | more,
            headers={"idempotency-key": key or str(new_id())},
        )

    async def refunds_arrive(self) -> None:
        """The payment service sends the refunds, asks WeChat how they went, and all that follows happens."""
        await self.settle()
        await self.advance(seconds=20)

    # Looking into the books

    async def stock(self, sku_id: str) -> tuple[int, int, int]:
        """On hand, reserved, sold."""
        rows = await self.rows(
            "catalog", "SELECT on_hand, reserved, sold FROM stock_levels WHERE sku_id = :id", id=UUID(sku_id)
        )
        return rows[0]["on_hand"], rows[0]["reserved"], rows[0]["sold"]

    async def points(self, buyer: Buyer) -> tuple[int, int]:
        """What the buyer can spend, and what is held."""
        body = (await buyer.caller.get("member", "/me/points")).json()
        return body["spendable_points"], body["held_points"]

    async def coupon_state(self, buyer: Buyer, coupon_id: str) -> str:
        rows = await self.rows("campaign", "SELECT state FROM coupons WHERE id = :id", id=UUID(coupon_id))
        return str(rows[0]["state"])

    async def history(self, order: Mapping[str, Any]) -> list[tuple[int, str]]:
        """The versions and states that the order went through."""
        rows = await self.rows(
            "order",
            "SELECT version, status FROM order_history WHERE order_id = :id ORDER BY version",
            id=UUID(str(order["order_id"])),
        )
        return [(row["version"], row["status"]) for row in rows]

    async def announced(self, order: Mapping[str, Any], type_: type[Event]) -> list[dict[str, Any]]:
        """The events of one type that the order service announced of an order."""
        rows = await self.rows(
            "order",
            "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox WHERE type = :type"
            " AND CAST(envelope AS jsonb) -> 'data' ->> 'order_id' = :order_id ORDER BY id",
            type=type_.type,
            order_id=str(order["order_id"]),
        )
        return [row["data"] for row in rows]

    async def rows(self, service: str, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Look into a service's database."""
        async with reading(self.shop.platform.resources[service].engine) as connection:
            return [dict(row) for row in await connection.execute(text(statement), values)]

    async def execute(self, statement: str, **values: Any) -> int:
        """Change the order database as the runtime role may; returns how many rows."""
        async with begin(self.resources.engine) as work:
            return (await work.connection.execute(text(statement), values)).rowcount

    async def hear(self, event: Event, *, id: UUID | None = None) -> None:
        """Deliver an event to the order service's own reactions."""
        await self.hear_together({id or new_id(): event})

    async def hear_together(self, events: Mapping[UUID, Event]) -> None:
        """Deliver events of one type, by their ids, in one message."""
        envelopes = [encode(event, id=id_, at=self.clock.now()) for id_, event in events.items()]
        event = next(iter(events.values()))
        delivery = Delivery(event.type, f"[{','.join(envelopes)}]".encode(), redelivered=False)
        for reaction in self.shop.platform.workers["order"].reactions:
            if type(event) in reaction.types:
                consumer = Consumer(reaction, self.resources.engine, self.clock)
                await consumer.handle([delivery])

    # Misfortune

    @contextmanager
    def away(self, *services: str) -> Iterator[None]:
        """These siblings do not answer."""

        async def busy(scope: Scope, receive: Receive, send: Send) -> None:
            await Response(status_code=503)(scope, receive, send)

        with self._instead(dict.fromkeys(services, busy)):
            yield

    @contextmanager
    def mute_at(self, service: str, path: str) -> Iterator[None]:
        """The sibling does what these calls ask, but its answer does not come through."""
        app = self.shop.platform.apps[service]

        async def mute(scope: Scope, receive: Receive, send: Send) -> None:
            if not scope["path"].startswith(path):
                await app(scope, receive, send)
                return
            await app(scope, receive, _nowhere)
            await Response(status_code=504)(scope, receive, send)

        with self._instead({service: mute}):
            yield

    @contextmanager
    def crash_at(self, service: str, path: str) -> Iterator[None]:
        """Our process dies right after this call to a sibling took effect, before anything is written down."""
        app = self.shop.platform.apps[service]

        async def dying(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            if scope["path"].startswith(path):
                raise Crash

        with self._instead({service: dying}):
            yield

    @contextmanager
    def _instead(self, others: Mapping[str, ASGIApp]) -> Iterator[None]:
        apps = self.shop.platform.apps
        assert isinstance(apps, dict)
        before = {service: apps[service] for service in others}
        apps.update(others)
        try:
            yield
        finally:
            apps.update(before)


async def _nowhere(_: Message) -> None:
    return


def _wish(quantities: Mapping[str, int]) -> dict[str, Any]:
    lines = [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in quantities.items()]
    return {"lines": lines} if lines else {}


def _parcel(units: Mapping[str, int] | None) -> dict[str, Any]:
    parcel = {"carrier": "ZTO", "tracking_number": f"ZTO{new_id().hex[-12:].upper()}"}
    if units is None:
        return parcel
    lines = [{"order_line_id": line, "quantity": quantity} for line, quantity in units.items()]
    return {**parcel, "lines": lines}


def payment_succeeded(order: Mapping[str, Any], market: Market, **values: Any) -> PaymentSucceeded:
    """What the payment service tells of an order's money."""
    told: dict[str, Any] = {
        "payment_id": new_id(),
        "order_id": order["order_id"],
        "amount_fen": order["payable_fen"],
        "method": "wechat_pay",
        "paid_at": market.clock.now(),
    }
    return PaymentSucceeded.model_validate(told | values)
