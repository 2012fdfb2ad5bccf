"""A shop in this process for the checker's rehearsals: shoppers with a journal, faults at the joints, a verdict at the end.

Its databases have lost their second line of defence (`chaos.bugs.second_line`), so that a bug shows what it does, and the
good code shows that it needs no constraint to be good. One shop serves all rehearsals: each has goods and shoppers of its
own, and what the shop and WeChat knew before is taken out of the evidence.
"""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import aiohttp
from sqlalchemy import text

from chaos.bugs.second_line import SECOND_LINE
from chaos.calls import Actor, Answer, Door
from chaos.checker import Finding, check
from chaos.journal import Journal
from chaos.observation import observe
from chaos.outages import Outages
from deploy.local.platform import NotSettled
from deploy.local.postgres_roles import owner_of
from shared import worker
from shared.database import begin
from shared.ids import new_id
from shared.messaging import relay
from tests.chaos.post import Post
from tests.support import servers
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat, open_wechat

Row = dict[str, Any]

ADDRESS = {
    "recipient": "王小明",
    "phone": "13800138000",
    "province": "云南省",
    "city": "昆明市",
    "district": "盘龙区",
    "street": "北京路 1 号",
}
PRICE_FEN = 4_999
STUCK_AFTER_LOOKS = 6
"""How often nothing has moved when nothing ever will; looks of a quarter second, and longer where the machine is busy."""

_HURRY = text(
    "UPDATE stalled_events SET next_attempt_at = now() WHERE state = 'waiting' RETURNING reaction, attempts"
)
_LEFT_OVER = (
    text("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL"),
    text("DELETE FROM stalled_events"),
    text("DELETE FROM timers WHERE key <> 'daily' AND kind NOT LIKE '%daily%'"),
)
_NEW = {
    "orders": "order_id",
    "refunds": "refund_id",
    "shipments": "shipment_id",
    "after_sales": "after_sale_id",
    "payments": "payment_id",
    "refund_attempts": "out_refund_no",
    "parked": "event_id",
}
"""What is new since the opening, by what a row is known."""


class SpringingClock:
    """The machine's clock, set forward whenever a rehearsal wants it: WeChat's goes on as well."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Spring forward."""
        self._ahead += by


class Shopper(Actor):
    """A member who buys, with a journal; `deaf_to` names the calls whose next answer gets lost on its way."""

    def __init__(self, run: "Run", name: str) -> None:
        super().__init__(run.door, name, Random(name))
        self._run = run
        self.member_id = ""
        self.deaf_to: set[str] = set()

    async def arrive(self) -> None:
        """Log in for the first time."""
        wechat = self._run.stage.wechat
        openid = await wechat.user()

        async def log_in() -> Answer:
            code = await wechat.login_code(openid)
            return await self.door.send("POST", f"{self.door.shop_url}/auth/wechat/login", {"code": code})

        login = await self.do("login", {"openid": openid}, log_in)
        self.token, self.member_id = login.body["token"], login.body["member_id"]
        self._run.members[self.member_id] = login.body["token"]
        await self.ask("POST", "/me/addresses", ADDRESS)

    async def call(
        self, name: str, path: str, body: Row | None = None, about: Row | None = None, *, keyed: bool = False
    ) -> Answer:
        """A journalled call of this shopper."""
        key = str(new_id()) if keyed else None

        async def send() -> Answer:
            answer = await self.door.send("POST", self.door.shop_url + path, body, token=self.token, key=key)
            if name in self.deaf_to:
                self.deaf_to.remove(name)
                raise aiohttp.ClientConnectionError("the answer got lost")
            return answer

        return await self.do(name, {**(about or {}), **(body or {})}, send, key=key)

    async def claim(self) -> str:
        """A coupon: 5 yuan off."""
        template_id = self._run.template_id
        path = f"/coupon-templates/{template_id}/claim"
        claimed = await self.call("claim-coupon", path, about={"template_id": template_id}, keyed=True)
        return str(claimed.body["coupon_id"])

    async def wish(self, quantity: int = 1, **more: Any) -> Row:
        """What to send to order so many of the run's SKU, at the price that was previewed."""
        wish: Row = {"lines": [{"sku_id": self._run.sku_id, "quantity": quantity}], **more}
        quote = await self.ask("POST", "/checkout/preview", wish)
        return {**wish, "quote_fingerprint": quote.body["quote_fingerprint"]}

    async def place(self, wish: Row) -> Answer:
        """Order it."""
        return await self.call("place-order", "/orders", wish, keyed=True)

    async def prepay(self, order: Row) -> Row:
        """Ask for what `wx.requestPayment` takes; nothing when the order cannot be paid any more."""
        order_id = order["order_id"]
        answer = await self.call("pay", f"/orders/{order_id}/pay", about={"order_id": order_id})
        found: Row = answer.body.get("request_payment") or {}
        return found

    async def pay_at_wechat(
        self, order: Row, request_payment: Row | None, *, number: int = 1, **more: Any
    ) -> Answer:
        """Confirm in the cashier, an old one if without `request_payment`; WeChat's notice follows by itself."""
        suffix = "" if number == 1 else f"-{number}"
        url = f"{self.door.simulator_url}/_control/payments/{order['order_number']}{suffix}/pay"
        body = {"request_payment": request_payment, **more} if request_payment else more
        about = {"order_id": order["order_id"], **body}
        return await self.do("pay-at-wechat", about, lambda: self.door.send("POST", url, body))

    async def buy(self, quantity: int = 1, **more: Any) -> Row:
        """An order that is paid in the cashier."""
        order: Row = (await self.place(await self.wish(quantity, **more))).body
        await self.pay_at_wechat(order, await self.prepay(order))
        return order

    async def cancel(self, order: Row) -> Answer:
        """Cancel an unpaid order."""
        order_id = order["order_id"]
        return await self.call("cancel-order", f"/orders/{order_id}/cancel", about={"order_id": order_id})

    async def look(self, order: Row) -> Row:
        """See how the order stands."""
        order_id = order["order_id"]
        url = f"{self.door.shop_url}/orders/{order_id}"
        seen = await self.do(
            "see-order", {"order_id": order_id}, lambda: self.door.send("GET", url, token=self.token)
        )
        found: Row = seen.body
        return found


@dataclass
class Run:
    """One rehearsal."""

    stage: "Stage"
    door: Door
    folder: Path
    members: dict[str, str] = field(default_factory=dict)
    sku_id: str = ""
    template_id: str = ""
    _opening: Row = field(default_factory=dict)
    _books: Row = field(default_factory=dict)

    async def begin(self, *, stock: int = 10, shoppers: int = 1) -> list[Shopper]:
        """New goods and a coupon template, the opening observation, and shoppers who have just arrived."""
        self.sku_id = await self.stage.sku(stock)
        self.template_id = await self.stage.template()
        self._opening, self._books = await self.stage.before(self.sku_id)
        arrived = [Shopper(self, f"shopper-{number}") for number in range(shoppers)]
        await asyncio.gather(*(shopper.arrive() for shopper in arrived))
        return arrived

    async def refund(self, order: Row, quantity: int = 1) -> Answer:
        """An operator gives units of an order's first line back."""
        about = {"order_id": order["order_id"]}
        body = {"lines": [{**await self.first_line(order), "quantity": quantity}], "reason": "少发了"}
        return await self.operate(
            "request-refund", f"/operator/orders/{order['order_id']}/refunds", body, about
        )

    async def first_line(self, order: Row) -> Row:
        """The id of an order's first line."""
        detail = await self.stage.owner.ask("GET", f"/operator/orders/{order['order_id']}")
        return {"order_line_id": detail.body["lines"][0]["order_line_id"]}

    async def operate(self, call: str, path: str, body: Row, about: Row) -> Answer:
        """A journalled call of an operator's; `about` names what it is about in the journal."""
        key, token = str(new_id()), self.stage.owner.token
        operator = Shopper(self, f"operator-{key}")
        return await operator.do(
            call,
            {**about, **body},
            lambda: self.door.send("POST", self.door.shop_url + path, body, token=token, key=key),
            key=key,
        )

    async def verdict(self) -> list[Finding]:
        """Let everything come to rest, look at it, and have it judged."""
        await self.stage.drain()
        observed, books = await self.stage.look(self.sku_id, self.members)
        for name, key in _NEW.items():
            known = {row[key] for row in self._opening[name]}
            observed[name] = [row for row in observed[name] if row[key] not in known]
            self._opening[name] = []
        _take_away_accounts(observed["cash_accounts"], self._opening["cash_accounts"])
        _take_away_days(observed["days"], self._opening["days"])
        for name, key in (("payments", "out_trade_no"), ("refunds", "out_refund_no")):
            known = {row[key] for row in self._books[name]}
            books[name] = [row for row in books[name] if row[key] not in known]
        for name, content in (("opening", self._opening), ("observed", observed), ("books", books)):
            (self.folder / f"{name}.json").write_text(json.dumps(content))
        return check(self.folder)


@dataclass
class Stage:
    """The shop, WeChat, the owner, and the hands of fate."""

    shop: Shop
    wechat: WeChat
    clock: SpringingClock
    post: Post
    owner: Actor
    _seen: tuple[Row, Row] | None = None
    _stuck_with: object = None

    async def advance(self, **by: float) -> None:
        """Move the shop's clock and WeChat's, and let what is due happen."""
        step = timedelta(**by)
        self.clock.advance(step)
        await self.wechat.advance(step)
        await self.drain()

    async def drain(self) -> None:
        """Until nothing is left to do, or nothing moves any more; stalled events are tried again at once."""
        left: object = None
        looks = 0
        while (now_left := await self._left()) not in (None, self._stuck_with):
            looks = looks + 1 if now_left == left else 0
            left = now_left
            if looks == STUCK_AFTER_LOOKS:
                self._stuck_with = left
            await asyncio.sleep(0.05)

    async def _left(self) -> object:
        """What WeChat has not told yet, what the shop has not done yet, and how often it tried; None at rest."""
        notices = (await self.books())["totals"]["pending_notices"]
        tries = await self._everywhere(_HURRY)
        try:
            await self.shop.platform.settle(0.25)
        except NotSettled as unfinished:
            return notices, tries, str(unfinished)
        return (notices, tries) if notices else None

    async def sweep(self) -> None:
        """Throw away what a rehearsal left unfinished."""
        self._stuck_with = None
        for statement in _LEFT_OVER:
            await self._everywhere(statement)

    async def look(self, sku_id: str, members: Mapping[str, str]) -> tuple[Row, Row]:
        """What the shop says of itself, of a SKU and of some members, and WeChat's books."""
        sku_ids = [sku_id] if sku_id else []
        observed = await observe(self.owner, sku_ids=sku_ids, members=members, began_at=self.clock.now())
        seen = observed, await self.books()
        self._seen = copy.deepcopy(seen)
        return seen

    async def before(self, sku_id: str) -> tuple[Row, Row]:
        """What was seen last, unless something happened since, and a new SKU."""
        opening, books = self._seen or await self.look("", {})
        self._seen = None
        level = (await self.owner.ask("GET", f"/operator/skus/{sku_id}/stock")).body
        return {**opening, "stock": [level | {"adjustments": []}], "members": []}, books

    async def books(self) -> Row:
        """WeChat's own books."""
        found: Row = (await self.wechat.control.get("/books")).json()
        return found

    async def sku(self, stock: int) -> str:
        """The SKU of a new product on sale."""
        code = f"P{new_id().hex[-14:].upper()}"
        category = await self._made("/operator/categories", {"name": f"分类{code}", "parent_id": None})
        sku = {"sku_code": f"{code}-1", "options": {"款式": "唯一"}, "price_fen": PRICE_FEN, "stock": stock}
        product = {
            "product_code": code,
            "name": f"商品{code}",
            "category_id": category["category_id"],
            "options": [{"name": "款式", "values": ["唯一"]}],
            "skus": [sku],
        }
        made = await self._made("/operator/products", product)
        published = await self._made(f"/operator/products/{made['product_id']}/publish")
        return str(published["skus"][0]["sku_id"])

    async def template(self) -> str:
        """A coupon template that anybody may claim from."""
        terms = {"name": "新人券", "kind": "amount", "amount_fen": 500, "total_quota": 100, "valid_days": 7}
        template = await self._made("/operator/coupon-templates", terms)
        await self._made(f"/operator/coupon-templates/{template['template_id']}/start")
        return str(template["template_id"])

    async def _made(self, path: str, body: Row | None = None) -> Row:
        answer = await self.owner.ask("POST", path, body)
        assert answer.is_done, answer.body
        found: Row = answer.body
        return found

    async def _everywhere(self, statement: Any) -> list[Any]:
        """Execute a statement in every service's database; what it returned."""
        returned: list[Any] = []
        for service in self.shop.platform.workers:
            async with begin(self.shop.platform.resources[service].engine) as work:
                returned += await work.connection.execute(statement)
        return returned


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """A shop whose workers are impatient and whose databases stop nothing."""
    clock, post = SpringingClock(), Post()
    with _impatient():
        async with (
            open_wechat(folder) as wechat,
            open_shop(wechat, clock=clock, transport=post) as shop,
            aiohttp.ClientSession() as http,
        ):
            await _disarm(shop)
            rules = dict.fromkeys(("refund_settles_after_seconds", "refund_interval_seconds"), 0)
            known = dict.fromkeys(("order_known_after_seconds", "shipping_known_after_seconds"), 0)
            (await wechat.control.put("/rules", json=rules | known)).raise_for_status()
            owner = Actor(Door(http, shop.url, wechat.url, Journal(folder), Outages()), "owner", Random(0))
            password = (shop.folder / "secrets" / "gateway_owner_password").read_text()
            login = await owner.ask(
                "POST", "/operator/auth/login", {"username": "owner", "password": password}
            )
            owner.token = login.body["token"]
            yield Stage(shop, wechat, clock, post, owner)


@asynccontextmanager
async def rehearsal(stage: Stage, folder: Path) -> AsyncIterator[Run]:
    """A run with a journal of its own, on a stage that is swept afterwards."""
    journal = Journal(folder)
    door = stage.owner.door
    run = Run(stage, Door(door.http, door.shop_url, door.simulator_url, journal, Outages()), folder)
    try:
        yield run
    finally:
        journal.close()
        stage.post.behave()
        await stage.wechat.faults()
        await stage.sweep()


@contextmanager
def _impatient() -> Iterator[None]:
    """Pauses that a rehearsal need not wait for."""
    with (
        patch.object(worker, "RESTART_SECONDS", 0.05),
        patch.object(worker, "RETRY_POLL_SECONDS", 0.2),
        patch.object(relay, "PAUSE_SECONDS", 0.05),
        patch.object(relay, "NET_SECONDS", 0.2),
    ):
        yield


async def _disarm(shop: Shop) -> None:
    """Take the constraints away, as the owner of each database may."""
    postgres = servers.postgres_server().postgres
    for service, statements in SECOND_LINE.items():
        database = str(shop.platform.resources[service].engine.url.database)
        script = "".join(f"{statement};\n" for statement in statements)
        await asyncio.to_thread(
            postgres.sql, f'\\connect "{database}"\nSET ROLE "{owner_of(service)}";\n{script}'
        )


def _take_away_accounts(accounts: list[Row], before: list[Row]) -> None:
    held = {account["account"]: account["balance_fen"] for account in before}
    for account in accounts:
        account["balance_fen"] -= held.get(account["account"], 0)


def _take_away_days(days: list[Row], before: list[Row]) -> None:
    counted = {day["day_on"]: day["values"] for day in before}
    for day in days:
        for name, value in counted.get(day["day_on"], {}).items():
            if isinstance(value, int):
                day["values"][name] -= value
