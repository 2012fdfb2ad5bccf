"""What people do in a simulation: order, pay, cancel, ask for refunds, and try again when nobody answers."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from shared.http.identity import Principal
from shared.http.services import Answer, ServiceUnavailable
from shared.ids import new_id
from tests.simulation.goods import Goods, Person
from tests.simulation.shop import Shop
from tests.simulation.world import World

TRIES = 8


@dataclass(slots=True)
class Acknowledged:
    """What people were told, which must stay true."""

    placed: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    """Order by id: whose, and what it costs in fen."""
    keys: dict[str, UUID] = field(default_factory=dict)
    """Idempotency key by order: one key is one order."""
    cancelled: set[UUID] = field(default_factory=set)
    refunds: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    """Refund by id: of which order, and how much in fen."""
    faults: list[str] = field(default_factory=list)
    """Answers that contradict earlier ones, or that nobody should ever get."""


class People:
    """The shoppers and the operator of one seed."""

    def __init__(self, shop: Shop, world: World, goods: Goods) -> None:
        self._shop, self._world, self._goods = shop, world, goods
        self.told = Acknowledged()
        self._dice = world.dice

    async def live(self) -> None:
        """Everybody does what they came for."""
        await asyncio.gather(*(self._shop_around(person) for person in self._goods.people))

    async def _shop_around(self, person: Person) -> None:
        for _ in range(self._dice.choice((1, 1, 2))):
            await asyncio.sleep(self._dice.uniform(0, 20))
            order = await self._place(person)
            if order is not None:
                await self._decide(person, order)

    async def _place(self, person: Person) -> dict[str, Any] | None:
        wanted = self._dice.sample(self._goods.sku_ids, self._dice.choice((1, 1, 2)))
        wish: dict[str, Any] = {
            "lines": [{"sku_id": str(sku_id), "quantity": self._dice.randint(1, 3)} for sku_id in wanted],
            "coupon_id": str(person.coupon_id) if self._dice.random() < 0.5 else None,
            "use_points": self._dice.choice((0, 0, 100, 300)),
        }
        key = str(new_id())
        for _ in range(3):  # the price may change between
            quote = await self._ask(person.principal, "POST", "/checkout/preview", wish)
            if quote is None or quote.status != 200:
                return None
            body = wish | {"quote_fingerprint": orjson.loads(quote.body)["quote_fingerprint"]}
            placed, again = await asyncio.gather(
                self._ask(person.principal, "POST", "/orders", body, key=key),
                self._impatient(person.principal, body, key),
            )
            for answer in (placed, again):
                self._note_placed(person, key, answer)
            if placed is not None and placed.status == 201:
                return dict(orjson.loads(placed.body))
            if placed is None or orjson.loads(placed.body).get("type") != "/problems/order/price-changed":
                return None
        return None

    async def _impatient(self, who: Principal, body: dict[str, Any], key: str) -> Answer | None:
        """Some tap twice."""
        if self._dice.random() >= 0.2:
            return None
        return await self._ask(who, "POST", "/orders", body, key=key)

    def _note_placed(self, person: Person, key: str, answer: Answer | None) -> None:
        if answer is None or answer.status != 201:
            return
        order = orjson.loads(answer.body)
        order_id = UUID(order["order_id"])
        if self.told.keys.setdefault(key, order_id) != order_id:
            self.told.faults.append(f"key {key} was answered with two orders")
        self.told.placed[order_id] = person.principal.member_id, order["payable_fen"]

    async def _decide(self, person: Person, order: dict[str, Any]) -> None:
        await asyncio.sleep(self._dice.uniform(0, 60))
        match self._dice.choice(
            (
                "pay",
                "pay",
                "pay",
                "pay",
                "pay twice",
                "pay and cancel",
                "pay and cancel",
                "pay late",
                "cancel",
                "leave",
            )
        ):
            case "pay":
                await self._pay(person, order)
            case "cancel":
                await self._cancel(person, order)
            case "pay and cancel":
                await asyncio.gather(self._pay(person, order, hesitates=0.5), self._cancel(person, order))
            case "pay twice":
                await asyncio.gather(self._pay(person, order), self._pay(person, order))
            case "pay late":
                await asyncio.sleep(self._dice.uniform(850, 905))
                await self._pay(person, order)
            case _:
                return
        if self._dice.random() < 0.8:
            await asyncio.sleep(self._dice.choice((1.0, 10.0, 60.0)))
            await asyncio.gather(*(self._refund(order) for _ in range(self._dice.choice((1, 1, 2)))))

    async def _pay(self, person: Person, order: dict[str, Any], *, hesitates: float | None = None) -> None:
        asked = await self._ask(person.principal, "POST", f"/orders/{order['order_id']}/pay")
        if asked is None or asked.status != 200:
            return
        parameters = orjson.loads(asked.body)["request_payment"]
        if parameters is not None:
            await asyncio.sleep(hesitates or self._dice.choice((0.5, 2.0, 100.0)))
            await self._shop.wechat.pay(parameters["package"].removeprefix("prepay_id="))

    async def _cancel(self, person: Person, order: dict[str, Any]) -> None:
        await asyncio.sleep(self._dice.choice((0.0, 2.0, 5.0)))
        answer = await self._ask(person.principal, "POST", f"/orders/{order['order_id']}/cancel")
        if answer is not None and answer.status == 200 and orjson.loads(answer.body)["status"] == "closed":
            self.told.cancelled.add(UUID(order["order_id"]))

    async def _refund(self, order: dict[str, Any]) -> None:
        """Some units of some lines, asked for under one key however often nobody answers."""
        path = f"/operator/orders/{order['order_id']}"
        seen = await self._ask(self._goods.owner, "GET", path)
        if seen is None or seen.status != 200:
            return
        lines = orjson.loads(seen.body)["lines"]
        some = self._dice.sample(lines, self._dice.randint(1, len(lines)))
        wish = {
            "lines": [
                {"order_line_id": line["order_line_id"], "quantity": self._dice.randint(1, line["quantity"])}
                for line in some
            ],
            "reason": "不想要了",
        }
        answer = await self._ask(self._goods.owner, "POST", f"{path}/refunds", wish, key=str(new_id()))
        if answer is not None and answer.status == 201:
            refund = orjson.loads(answer.body)
            self.told.refunds[UUID(refund["refund_id"])] = UUID(order["order_id"]), refund["refund_fen"]

    async def _ask(
        self, who: Principal, method: str, path: str, json: Any = None, *, key: str | None = None
    ) -> Answer | None:
        """One call of the order service's, repeated while nobody answers or the first is still running."""
        headers = {} if key is None else {"idempotency-key": key}
        for _ in range(TRIES):
            try:
                answer = await self._shop.gateway.call(
                    "order", method, path, on_behalf_of=who, json=json, headers=headers, seconds=10.0
                )
            except ServiceUnavailable:
                answer = None
            if answer is not None and answer.status == 500:
                self.told.faults.append(f"{method} {path} was answered with 500: {answer.body[:300]!r}")
            if answer is not None and answer.status < 500 and not _is_running(answer):
                return answer
            await asyncio.sleep(self._dice.uniform(0.5, 4.0))
        return None


def _is_running(answer: Answer) -> bool:
    return (
        answer.status == 409 and orjson.loads(answer.body).get("type") == "/problems/idempotency-in-progress"
    )
