"""The kinds of work: each opens its connections, and gives what one worker does once."""

import asyncio
import uuid
from itertools import count
from typing import Any, Protocol

from benchmarks.generator.connection import Answer, Connection, encoded
from benchmarks.generator.drive import BUSY, BUSY_PAUSE_SECONDS, TurnedAway, WrongAnswer
from benchmarks.generator.plans import Plan

WAIT_SECONDS = 5
"""How long a client lets the shop wait for its payment before it asks again."""
MOST_WAITS = 3
MOST_TRIES = 100
WARM_UP = 2
OPENED_AT_ONCE = 100
DONE = "done"


class Work(Protocol):
    """A kind of work."""

    notes: list[Any]
    turned_away: int
    """How often a unit was turned away on its way and went on."""

    @property
    def calls(self) -> int:
        """How many calls were made to the shop so far."""
        ...

    async def prepare(self) -> None:
        """Connect and warm up; not measured."""
        ...

    async def unit(self, number: int) -> str:
        """One unit of worker number n."""
        ...


class Replay:
    """Requests made in advance, in turn; each answer has to be the expected one to the byte, or hold expected fields.

    `given["exchanges"]`: method, path, headers, body, token of the request; `is` the body, or `has` some of its fields.
    """

    def __init__(self, plan: Plan) -> None:
        self.notes: list[Any] = []
        self.turned_away = 0
        host, port = plan["host"], plan["port"]
        self._connections = [Connection(host, port) for _ in range(plan["concurrency"])]
        self._exchanges = [
            (
                encoded(
                    each["method"],
                    each["path"],
                    host=f"{host}:{port}",
                    body=each.get("body"),
                    token=each.get("token"),
                    headers=[(name, value) for name, value in each.get("headers", ())],
                ),
                each["is"].encode() if "is" in each else None,
                each.get("has", {}),
            )
            for each in plan["given"]["exchanges"]
        ]
        self._turn = count()

    @property
    def calls(self) -> int:
        return sum(connection.calls for connection in self._connections)

    async def prepare(self) -> None:
        for _ in range(WARM_UP):
            units = (self.unit(number) for number in range(len(self._connections)))
            await asyncio.gather(*units, return_exceptions=True)  # what is wrong is so in the round, too

    async def unit(self, number: int) -> str:
        request, body, fields = self._exchanges[next(self._turn) % len(self._exchanges)]
        answer = await self._connections[number].exchange(request)
        if answer.status in BUSY:
            raise TurnedAway
        if answer.status != 200 or (body is not None and answer.body != body):
            raise WrongAnswer(f"{_line(request)} → {answer.status} {difference(answer.body, body or b'')}")
        if fields:
            told = answer.json()
            found = {name: told.get(name) for name in fields}
            if found != fields:
                raise WrongAnswer(f"{_line(request)} → {found}, expected {fields}")
        return DONE


class Purchase:
    """A whole purchase: cart, preview, order, prepay, the cashier at WeChat, and waiting until the order is paid.

    `given`: `shoppers` with `token` and `openid`, one for each worker; `sku_ids` and `prices_fen` to buy from in turn;
    `wechat_port`. The call to WeChat is the client's own business, none to the shop.
    """

    def __init__(self, plan: Plan) -> None:
        self.notes: list[Any] = []
        self.turned_away = 0
        given, host = plan["given"], plan["host"]
        self._host = f"{host}:{plan['port']}"
        self._shoppers = given["shoppers"]
        self._goods = list(zip(given["sku_ids"], given["prices_fen"], strict=True))
        workers = range(plan["concurrency"])
        self._shop = [Connection(host, plan["port"]) for _ in workers]
        self._wechat = [Connection(host, given["wechat_port"]) for _ in workers]
        self._turn = count()

    @property
    def calls(self) -> int:
        return sum(connection.calls for connection in self._shop)

    async def prepare(self) -> None:
        await asyncio.gather(*(each.open() for each in (*self._shop, *self._wechat)))

    async def unit(self, number: int) -> str:
        sku_id, price_fen = self._goods[next(self._turn) % len(self._goods)]
        line = {"quantity": 1, "selected": True}
        await self._ask(number, "PUT", f"/cart/lines/{sku_id}", line, 204)
        order = await self._order(number, price_fen) or await self._order(number, price_fen)
        if order is None:
            raise WrongAnswer("the price changed twice")
        path = f"/orders/{order['order_id']}"
        payment = (await self._ask(number, "POST", f"{path}/pay", None, 200)).json()
        await self._pay(number, order["order_number"], payment["request_payment"])
        for _ in range(MOST_WAITS):
            waiting = f"{path}/status?wait_seconds={WAIT_SECONDS}"
            if (await self._ask(number, "GET", waiting, None, 200)).json()["status"] == "paid":
                self.notes.append([order["order_id"], order["payable_fen"]])
                return DONE
        raise WrongAnswer(f"{order['order_id']} is not paid after {MOST_WAITS * WAIT_SECONDS} s")

    async def _order(self, number: int, price_fen: int) -> Any:
        """Preview and order; None where the price has changed in between, as for a member who has risen a level."""
        quote = (await self._ask(number, "POST", "/checkout/preview", {}, 200)).json()
        if quote["goods_fen"] != price_fen:
            raise WrongAnswer(f"the goods cost {quote['goods_fen']} fen, expected {price_fen}")
        wish = {"quote_fingerprint": quote["quote_fingerprint"]}
        answer = await self._ask(number, "POST", "/orders", wish, 201, 409, key=str(uuid.uuid4()))
        order = answer.json()
        if answer.status == 409 and order["type"] == "/problems/order/price-changed":
            return None
        if answer.status == 409 or order["payable_fen"] != quote["payable_fen"]:
            raise WrongAnswer(f"quoted {quote['payable_fen']} fen, ordered: {answer.body[:300]!r}")
        return order

    async def _pay(self, number: int, out_trade_no: str, request_payment: Any) -> None:
        body = {"request_payment": request_payment, "openid": self._shoppers[number]["openid"]}
        request = encoded("POST", f"/_control/payments/{out_trade_no}/pay", host="wechat", body=body)
        answer = await self._wechat[number].exchange(request)
        if answer.status != 200:
            raise WrongAnswer(f"WeChat → {answer.status} {answer.body[:200]!r}")

    async def _ask(
        self, number: int, method: str, path: str, body: Any, *statuses: int, key: str | None = None
    ) -> Answer:
        request = encoded(
            method, path, host=self._host, body=body, token=self._shoppers[number]["token"], key=key
        )
        for _ in range(MOST_TRIES):
            answer = await self._shop[number].exchange(request)
            if answer.status not in BUSY:
                break
            self.turned_away += 1
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
        if answer.status not in statuses:
            raise WrongAnswer(f"{method} {path.split('-')[0]} → {answer.status} {answer.body[:300]!r}")
        return answer


class Rush:
    """Everybody orders the same at the same moment, each once; what came of it is the status and the problem's name.

    `given`: the `tokens` of the buyers and the `body` of their order.
    """

    def __init__(self, plan: Plan) -> None:
        self.notes: list[Any] = []
        self.turned_away = 0
        host, port, given = plan["host"], plan["port"], plan["given"]
        self._requests = [
            encoded(
                "POST",
                "/orders",
                host=f"{host}:{port}",
                body=given["body"],
                token=token,
                key=str(uuid.uuid4()),
            )
            for token in given["tokens"]
        ]
        self._connections = [Connection(host, port) for _ in self._requests]

    @property
    def calls(self) -> int:
        return sum(connection.calls for connection in self._connections)

    async def prepare(self) -> None:
        """Everybody is connected before it begins, as the shop's other pages have them."""
        for start in range(0, len(self._connections), OPENED_AT_ONCE):
            await asyncio.gather(*(each.open() for each in self._connections[start : start + OPENED_AT_ONCE]))

    async def unit(self, number: int) -> str:
        answer = await self._connections[number].exchange(self._requests[number])
        if answer.status == 201:
            self.notes.append([answer.json()["order_id"], answer.json()["payable_fen"]])
            return "201"
        problem = str(answer.json().get("type", "")).removeprefix("/problems/")
        return f"{answer.status} {problem}"


KINDS: dict[str, type[Replay] | type[Purchase] | type[Rush]] = {
    "replay": Replay,
    "purchase": Purchase,
    "rush": Rush,
}


def difference(found: bytes, expected: bytes) -> str:
    """Where two answers part, in a few words."""
    at = next(
        (n for n, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b),
        min(len(found), len(expected)),
    )
    start = max(0, at - 60)
    return f"{found[start : at + 100]!r} instead of {expected[start : at + 40]!r} at byte {at}"


def _line(request: bytes) -> str:
    return request.split(b"\r\n", 1)[0].decode()
