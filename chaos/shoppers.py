"""Virtual shoppers: they buy, pay, give up, come late, and get money back, all by seeded dice and through the front door."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from chaos.afterwards import afterwards
from chaos.calls import AT_ONCE, Actor, Answer, Door, RunOver
from chaos.goods import Goods
from shared.ids import new_id

TRIPS = 8
AT_ONCE_SHARE = 0.05
HOT_SHARE = 0.1
COUPON_SHARE, POINTS_SHARE = 0.5, 0.3
OUTCOMES = {"pay": 74, "pay-thrice": 5, "pay-late": 6, "leave-cashier": 3, "walk-away": 4, "cancel": 8}
POINTS_GRANTED_SHARE, RESTOCKED_SHARE = 0.08, 0.04
ADDRESS = {
    "recipient": "陈小满",
    "phone": "15400000001",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "street": "文三路 1 号",
}

Body = dict[str, Any]


@dataclass(slots=True)
class Market:
    """What all shoppers share: the door, the goods, an operator's token, and the count of orders placed."""

    door: Door
    goods: Goods
    operator_token: str
    orders: int
    seed: int
    on_placed: Callable[[int], None]
    placed: int = 0
    members: dict[str, str] = field(default_factory=dict)
    """Tokens by member id."""
    later: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_enough(self) -> bool:
        """Whether all orders of the run were placed."""
        return self.placed >= self.orders

    def count(self) -> None:
        """One more order was acknowledged."""
        self.placed += 1
        self.on_placed(self.placed)

    def follow(self, what: Coroutine[Any, Any, None]) -> None:
        """Something that goes on while its shopper does other things."""

        async def guarded() -> None:
            try:
                await what
            except RunOver:
                return

        task = asyncio.create_task(guarded())
        self.later.add(task)


class Shopper(Actor):
    """One member and their trips."""

    def __init__(self, market: Market, number: int) -> None:
        random = Random(f"{market.seed}/shopper/{number}")
        super().__init__(market.door, f"shopper-{number:04d}", random, at_once_share=AT_ONCE_SHARE)
        self._market = market
        self._openid = ""
        self._member_id = ""
        self._coupons: list[str] = []

    async def live(self) -> None:
        """Arrive and go shopping, until there have been enough orders."""
        await self._arrive()
        for _ in range(TRIPS):
            if self._market.is_enough:
                return
            await self._trip()

    async def _arrive(self) -> None:
        user = await self.wechat("/users", {"nickname": self.name, "phone": "15400000001"})
        self._openid = user["openid"]

        async def log_in() -> Answer:
            code = (await self.wechat("/login-codes", {"openid": self._openid}))["code"]
            return await self.send("POST", "/auth/wechat/login", {"code": code})

        def without_token(body: Any) -> Any:
            return {name: value for name, value in body.items() if name != "token"}

        while True:
            answer = await self.do("login", {"openid": self._openid}, log_in, told=without_token)
            if answer.is_done:
                break
        self.token, self._member_id = answer.body["token"], answer.body["member_id"]
        self._market.members[self._member_id] = answer.body["token"]
        await self.ask("POST", "/me/addresses", ADDRESS)
        await self._claim(self._market.goods.scarce_template_id)

    async def _trip(self) -> None:
        random = self.random
        await self.ask("GET", random.choice(("/home", "/products", "/categories")))
        if random.random() < POINTS_GRANTED_SHARE:
            await self._adjust_points(random.choice((300, 500, -50)))
        if random.random() < RESTOCKED_SHARE:
            await self._adjust_stock()
        wish = await self._wish()
        quote = await self._quote(wish)
        if not quote.is_done:
            return
        placed = await self.journalled(
            "place-order",
            "/orders",
            {**wish, "quote_fingerprint": quote.body["quote_fingerprint"]},
            keyed=True,
        )
        coupon_id = wish.get("coupon_id")
        if placed.is_done and coupon_id in self._coupons:
            self._coupons.remove(coupon_id)
        if not placed.is_done:
            return
        self._market.count()
        outcome = random.choices(list(OUTCOMES), weights=list(OUTCOMES.values()))[0]
        if outcome == "pay-late":
            self._market.follow(self._finish(placed.body, outcome))
        else:
            await self._finish(placed.body, outcome)

    async def _quote(self, wish: Body) -> Answer:
        """The price of a wish, whose points are lowered to what may be used."""
        quote = await self.ask("POST", "/checkout/preview", wish)
        wanted = wish.get("use_points")
        while wanted and quote.is_done and quote.body["points_used"] != wish["use_points"]:
            wish["use_points"] = min(wish["use_points"], quote.body["points_used"])
            quote = await self.ask("POST", "/checkout/preview", wish)
        return quote

    async def _wish(self) -> Body:
        random, goods = self.random, self._market.goods
        sku_ids = random.sample(goods.sku_ids[:-1], k=random.choice((1, 1, 2, 3)))
        if random.random() < HOT_SHARE:
            sku_ids[0] = goods.hot_sku_id
        wish: Body = {
            "lines": [{"sku_id": each, "quantity": random.choice((1, 1, 2, 3))} for each in sku_ids]
        }
        if random.random() < COUPON_SHARE:
            if not self._coupons:
                await self._claim(random.choice(goods.template_ids))
            if self._coupons:
                wish["coupon_id"] = random.choice(self._coupons)
        if random.random() < POINTS_SHARE:
            wish["use_points"] = random.choice((50, 100, 333))
        return wish

    async def _finish(self, order: Body, outcome: str) -> None:
        order_id = order["order_id"]
        path = f"/orders/{order_id}"
        match outcome:
            case "walk-away":
                return
            case "cancel":
                await self.journalled("cancel-order", f"{path}/cancel", about={"order_id": order_id})
                return
        if outcome == "pay-late":
            left = (datetime.fromisoformat(order["expires_at"]) - datetime.now(UTC)).total_seconds()
            await self._pay(order)
            await asyncio.sleep(max(0.0, left + self.random.uniform(-2.0, 3.0)))
        asked = await asyncio.gather(
            *(self._pay(order) for _ in range(AT_ONCE if outcome == "pay-thrice" else 1))
        )
        if outcome == "leave-cashier" or not asked[0].is_done:
            return
        await asyncio.gather(
            *(
                self._pay_at_wechat(order, each.body["request_payment"], is_late=outcome == "pay-late")
                for each in asked
                if each.is_done and each.body["request_payment"]
            )
        )
        self._market.follow(afterwards(self, order_id))

    async def _pay(self, order: Body) -> Answer:
        order_id = order["order_id"]
        return await self.journalled("pay", f"/orders/{order_id}/pay", about={"order_id": order_id})

    async def _pay_at_wechat(self, order: Body, request_payment: Body, *, is_late: bool) -> Answer:
        out_trade_no = order["order_number"]
        url = f"{self.door.simulator_url}/_control/payments/{out_trade_no}/pay"
        body = {"request_payment": request_payment, "openid": self._openid, "late": is_late}
        about = {"order_id": order["order_id"], "out_trade_no": out_trade_no}
        return await self.do("pay-at-wechat", {**about, **body}, lambda: self.door.send("POST", url, body))

    async def _claim(self, template_id: str) -> None:
        path = f"/coupon-templates/{template_id}/claim"
        claimed = await self.journalled("claim-coupon", path, about={"template_id": template_id}, keyed=True)
        if claimed.is_done:
            self._coupons.append(claimed.body["coupon_id"])

    async def _adjust_points(self, points: int) -> None:
        about = {"member_id": self._member_id}
        body = {"points": points, "reason": f"混沌 {new_id()}"}
        path = f"/operator/members/{self._member_id}/points-adjustments"
        await self.operate("adjust-points", path, body, about)

    async def _adjust_stock(self) -> None:
        sku_id = self._market.goods.hot_sku_id
        body = {"change": self.random.choice((1, 2, -1)), "reason": f"混沌 {new_id()}"}
        await self.operate(
            "adjust-stock", f"/operator/skus/{sku_id}/stock-adjustments", body, {"sku_id": sku_id}
        )

    async def operate(self, call: str, path: str, body: Body, about: Body) -> Answer:
        """A journalled call of an operator's about this shopper's things; `about` names them in the journal."""
        key = str(new_id())
        return await self.do(
            call,
            {**about, **body},
            lambda: self.send("POST", path, body, token=self._market.operator_token, key=key),
            key=key,
        )

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
        key = str(new_id()) if keyed else None
        request = {**(about or {}), **(body or {})}
        return await self.do(call, request, lambda: self.send("POST", path, body, key=key), key=key)

    async def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> Answer:
        """One attempt at the shop's front door."""
        return await self.door.send(
            method, self.door.shop_url + path, body, token=token or self.token, key=key
        )
