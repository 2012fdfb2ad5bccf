"""Five times what the shop can do: it goes on doing it, misses no payment notice, and is itself again at once (P13, 4.E).

The crowd is a process of its own, but shares the machine with the shop, and others use the machine too. So no number of
requests is expected: what the shop does under the flood is compared with what it did just before and does just after, and
with the slower of both, for the machine may become faster or slower meanwhile. Usually it is about twice as much: who is
turned away from a page sees the one of a moment ago.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from shared.ids import new_id
from tests.e2e.people import Person, Street

PRODUCTS, SHOPPERS, ORDERS = 24, 6, 12
CAPACITY_SECONDS, FLOOD_SECONDS, CALM_SECONDS = 2.0, 4.0, 1.0
WAVE_SECONDS = 2.0
"""So long the first wave of a flood is not counted: requests that got in before anybody knew, and wait for each other."""
AT_ONCE = 24
"""So many who ask again at once when they were answered keep the shop busy all the time."""
STEP_SECONDS = (WAVE_SECONDS + FLOOD_SECONDS) / (ORDERS + 1)
"""So often a payment is made meanwhile."""


@dataclass(frozen=True, slots=True)
class Rush:
    """What came of a crowd: how often each kind got each status, within so many seconds."""

    asked: int
    statuses: Counter[str]
    seconds: float

    @property
    def goodput(self) -> float:
        """Good answers a second."""
        return sum(number for told, number in self.statuses.items() if told[-3] == "2") / self.seconds

    @property
    def is_all_good(self) -> bool:
        return bool(self.statuses) and all(told[-3] == "2" for told in self.statuses)


def request(method: str, path: str, token: str | None = None, body: Any = None) -> str:
    """The bytes of a request, as text that fits into a plan."""
    content = orjson.dumps(body) if body is not None else b""
    lines = [f"{method} {path} HTTP/1.1", "host: shop", f"content-length: {len(content)}"]
    lines += [f"authorization: Bearer {token}"] if token else []
    lines += ["content-type: application/json"] if content else []
    return "\r\n".join(lines) + "\r\n\r\n" + content.decode()


def page_view() -> dict[str, Any]:
    """What a visitor's client tells of a page."""
    event = {"event": "page_view", "page": "home", "occurred_at": datetime.now(UTC).isoformat()}
    ids = {name: str(new_id()) for name in ("event_id", "anon_id", "session_id")}
    return {"events": [event | ids]}


def wishes(skus: list[dict[str, Any]], shoppers: list[Person]) -> list[dict[str, Any]]:
    """What a crowd does, of a hundred times: mostly it looks around."""
    line = {"lines": [{"sku_id": skus[0]["sku_id"], "quantity": 1}]}
    kinds = {
        ("browse", 40): [request("GET", f"/products/{sku['product_id']}") for sku in skus],
        ("home", 10): [request("GET", "/home")],
        ("search", 20): [request("GET", f"/search?q=%E5%95%86%E5%93%81&limit={n}") for n in range(1, 21)],
        ("cart", 10): [request("GET", "/cart", each.token) for each in shoppers],
        ("order", 3): [request("POST", "/checkout/preview", each.token, line) for each in shoppers],
        ("beacon", 17): [request("POST", "/behaviour-events", body=page_view()) for _ in range(300)],
    }
    return [
        {"kind": kind, "weight": weight, "requests": requests} for (kind, weight), requests in kinds.items()
    ]


async def rush(street: Street, wishes: list[dict[str, Any]], **plan: Any) -> Rush:
    """Let a crowd loose; without a ``rate`` everybody asks as often as they are answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.crowd", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    plan = {
        "port": urlsplit(street.shop.url).port,
        "wishes": wishes,
        "rate": 1e9,
        "skipped_seconds": 0.0,
    } | plan
    out, _ = await process.communicate(json.dumps(plan).encode())
    assert process.returncode == 0
    found = json.loads(out)
    return Rush(found["asked"], Counter(found["statuses"]), plan["seconds"])


async def at_the_cashier(street: Street, shoppers: list[Person], sku_id: str) -> dict[str, dict[str, Any]]:
    """Orders whose payers only have to confirm: what WeChat is to be shown, by order number."""
    ready = {}
    for number in range(ORDERS):
        shopper = shoppers[number % len(shoppers)]
        order = await street.order(shopper, sku_id)
        prepaid = await shopper.must("POST", f"/orders/{order['order_id']}/pay")
        ready[order["order_number"]] = prepaid["request_payment"]
    return ready


async def taken(street: Street, number: str) -> list[int | None]:
    """The answers to each attempt to tell the shop of a payment, once it took it; None where none came within 5 s."""
    async with asyncio.timeout(30):
        while True:
            answer = await street.shop.wechat.control.get(f"/payments/{number}")
            (notice,) = answer.json()["notices"]
            if notice["state"] == "DELIVERED":
                return [attempt["status"] for attempt in notice["attempts"]]
            await asyncio.sleep(0.2)


async def test_under_five_times_its_load_the_shop_goes_on_misses_no_notice_and_is_soon_itself_again(
    street: Street,
) -> None:
    skus = [await street.sku(stock=1_000) for _ in range(PRODUCTS)]
    shoppers = [await street.customer() for _ in range(SHOPPERS)]
    payments = await at_the_cashier(street, shoppers, skus[0]["sku_id"])
    what = wishes(skus, shoppers)

    async def pay() -> None:
        for number, request_payment in payments.items():
            await asyncio.sleep(STEP_SECONDS)
            await street.shop.wechat.pay(number, request_payment)

    before = await rush(street, what, seconds=CAPACITY_SECONDS, at_once=AT_ONCE)
    flood, _ = await asyncio.gather(
        rush(
            street,
            what,
            skipped_seconds=WAVE_SECONDS,
            seconds=FLOOD_SECONDS,
            at_once=20 * AT_ONCE,
            rate=5 * before.goodput,
        ),
        pay(),
    )
    ended = time.monotonic()
    while not (await rush(street, what, seconds=CALM_SECONDS, at_once=2)).is_all_good:
        assert time.monotonic() - ended < 30, "normal again within 30 s"
    after = await rush(street, what, seconds=CAPACITY_SECONDS, at_once=AT_ONCE)

    told = (before, flood, after)
    assert flood.asked / flood.seconds >= 3 * before.goodput, told
    assert flood.goodput >= 0.8 * min(before.goodput, after.goodput), told
    assert {told.split()[1] for told in flood.statuses} <= {"200", "202", "503"}, told
    for at, number in enumerate(payments):
        attempts = await taken(street, number)
        assert set(attempts) <= {None, 204}, "a notice is never refused"
        if at * STEP_SECONDS > WAVE_SECONDS:
            assert attempts == [204]
