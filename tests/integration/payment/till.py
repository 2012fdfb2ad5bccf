"""What the payment tests say: collect, pay, close, refund, and what came of it."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from sqlalchemy import text

from services.payment.resources import PaymentResources
from shared.clock import ManualClock
from shared.database import reading
from shared.events import Event, RefundRequested
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from shared.worker import Worker
from simulator.books import Books
from tests.support.shop import Shop
from tests.support.wechat import WeChat

ELSEWHERE = {"match": {"api": "notice"}, "times": 99, "action": {"kind": "lose"}}
"""The fault by which no notice ever comes."""


@dataclass(frozen=True, slots=True)
class Till:
    """A payment service and its WeChat, whose clocks move together."""

    shop: Shop
    clock: ManualClock
    wechat: WeChat

    @property
    def resources(self) -> PaymentResources:
        found = self.shop.platform.resources["payment"]
        assert isinstance(found, PaymentResources)
        return found

    @property
    def worker(self) -> Worker:
        return self.shop.platform.workers["payment"]

    async def order(self, *, amount_fen: int = 9_980, **changes: Any) -> dict[str, Any]:
        """What the order service would ask to be collected, with an ``order_id`` beside it."""
        return {
            "order_id": str(new_id()),
            "order_number": f"J{secrets.token_hex(8).upper()}",
            "member_id": str(new_id()),
            "payer_openid": await self.wechat.user(),
            "amount_fen": amount_fen,
            "description": "云南小粒咖啡豆 250g",
            "expires_at": (self.clock.now() + timedelta(minutes=15)).isoformat(),
        } | changes

    async def put(self, order: dict[str, Any]) -> httpx.Response:
        body = {name: value for name, value in order.items() if name != "order_id"}
        caller = self.shop.as_service("order")
        return await caller.put("payment", f"/internal/payments/{order['order_id']}", json=body)

    async def collect(self, order: dict[str, Any]) -> dict[str, Any]:
        """Collect, and expect to be told how to pay."""
        answer = await self.put(order)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def close(self, order: dict[str, Any]) -> httpx.Response:
        caller = self.shop.as_service("order")
        return await caller.post("payment", f"/internal/payments/{order['order_id']}/close")

    async def status(self, order: dict[str, Any], *, refresh: bool = False) -> str:
        query = "?refresh=true" if refresh else ""
        answer = await self.shop.as_service("order").get(
            "payment", f"/internal/payments/{order['order_id']}{query}"
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    async def wait_for(self, order: dict[str, Any], status: str) -> None:
        """Until a notice has arrived by itself."""
        async with asyncio.timeout(5):
            while await self.status(order) != status:
                await asyncio.sleep(0.02)

    async def paid_order(self, *, amount_fen: int = 9_980) -> dict[str, Any]:
        """An order that was collected, paid, and told so by notice."""
        order = await self.order(amount_fen=amount_fen)
        collected = await self.collect(order)
        await self.wechat.pay(order["order_number"], collected["request_payment"])
        await self.wait_for(order, "succeeded")
        return order

    async def notice(self, out_trade_no: str, **how: Any) -> dict[str, Any]:
        """Have WeChat deliver a notice now; what we said to it (``status``, ``body``, ``accepted``)."""
        answer = await self.wechat.control.post(f"/notices/{out_trade_no}/send", json=how)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def rules(self, **rules: Any) -> None:
        (await self.wechat.control.put("/rules", json=rules)).raise_for_status()

    async def align(self) -> None:
        """Set WeChat's clock to ours."""
        await self.wechat.keep_time(self.clock.now())

    async def advance(self, **by: float) -> None:
        """Move our clock and WeChat's."""
        step = timedelta(**by)
        self.clock.advance(step)
        await self.wechat.advance(step)

    async def run_timers(self) -> None:
        """Run every timer that is due now."""
        while await self.worker.timer_loop.run_due():
            pass

    async def react(self, event: Event) -> None:
        """Deliver an event to the reaction that wants it."""
        (reaction,) = (each for each in self.worker.reactions if type(event) in each.types)
        body = f"[{encode(event, id=new_id(), at=self.clock.now())}]".encode()
        consumer = Consumer(reaction, self.resources.engine, self.clock)
        await consumer.handle([Delivery(event.type, body, redelivered=False)])

    async def request_refund(self, order: dict[str, Any], refund_fen: int, **changes: Any) -> RefundRequested:
        """The order service's word that money goes back."""
        refund_id = new_id()
        asked = RefundRequested.model_validate(
            {
                "refund_id": refund_id,
                "refund_number": f"R{secrets.token_hex(8).upper()}",
                "order_id": order["order_id"],
                "member_id": order["member_id"],
                "refund_fen": refund_fen,
                "reason": "不想要了",
                "requested_at": self.clock.now(),
            }
            | changes
        )
        await self.react(asked)
        return asked

    async def wait_for_refund(self, order: dict[str, Any], status: str) -> None:
        """Until the order's one refund stands so, by notice."""
        async with asyncio.timeout(5):
            while [each["status"] for each in (await self.detail(order))["refunds"]] != [status]:
                await asyncio.sleep(0.02)

    async def ask_until_refunded(self, order: dict[str, Any]) -> None:
        """Run the timers, a few times, until the order's refunds have succeeded without any notice."""
        for _ in range(6):
            await self.run_timers()
            if {each["status"] for each in (await self.detail(order))["refunds"]} == {"succeeded"}:
                return
            await self.advance(seconds=6)
        raise AssertionError("never refunded")

    async def stalled(self, subject: UUID | str) -> list[str]:
        """How the events that name a thing are stalled."""
        sql = "SELECT state FROM stalled_events WHERE envelope LIKE '%' || :subject || '%'"
        return [row["state"] for row in await self.rows(sql, subject=str(subject))]

    async def detail(self, order: dict[str, Any]) -> dict[str, Any]:
        """Everything an auditor sees of the order's payment."""
        caller = self.shop.as_operator("auditor")
        answer = await caller.get("payment", f"/operator/payments/{order['order_id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def announced(self, subject: UUID | str) -> list[tuple[str, dict[str, Any]]]:
        """The events about a payment or refund, as (type, data)."""
        rows = await self.rows(
            "SELECT envelope FROM outbox WHERE subject = :subject ORDER BY id", subject=str(subject)
        )
        envelopes = [orjson.loads(row["envelope"]) for row in rows]
        return [(envelope["type"], envelope["data"]) for envelope in envelopes]

    async def security_events(self, subject: str) -> list[str]:
        rows = await self.rows(
            "SELECT kind FROM security_events WHERE subject = :subject ORDER BY id", subject=subject
        )
        return [row["kind"] for row in rows]

    async def count(self, table: str) -> int:
        (row,) = await self.rows(f"SELECT count(*) AS number FROM {table}")
        return int(row["number"])

    async def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        async with reading(self.resources.engine) as connection:
            return [dict(row) for row in await connection.execute(text(sql), values)]

    async def change_payment(self, order: dict[str, Any], change: str) -> None:
        """Make our books say something else than WeChat's."""
        async with self.resources.engine.begin() as connection:
            await connection.exec_driver_sql(
                f"UPDATE payments SET {change} WHERE order_id = '{order['order_id']}'"
            )

    async def pay_refund_by_hand(self, out_refund_no: str) -> None:
        """Somebody pays an ABNORMAL refund out in the merchant console; WeChat does not tell."""
        books = Books(self.wechat.folder / "books.sqlite")
        books.write(
            "UPDATE refunds SET status = 'SUCCESS', settled_at = created_at WHERE out_refund_no = ?",
            out_refund_no,
        )
        books.close()

    async def platform_refunds(self, out_trade_no: str) -> list[dict[str, Any]]:
        """The refunds of an order in WeChat's own books."""
        answer = await self.wechat.control.get(f"/payments/{out_trade_no}")
        found: list[dict[str, Any]] = answer.json()["refunds"]
        return found


def one_of_many(answers: Sequence[httpx.Response], status: int) -> None:
    """One of many calls at once did it; the others were refused, or were asked to come again by a busy machine."""
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(status) == 1
    assert set(statuses) <= {status, 409, 503}


def all_of_many(answers: Sequence[httpx.Response], status: int) -> list[dict[str, Any]]:
    """What many calls at once were answered, but for those that a busy machine asked to come again."""
    assert {answer.status_code for answer in answers} - {503} == {status}
    return [answer.json() for answer in answers if answer.status_code == status]


def fault(api: str, order: dict[str, Any], action: dict[str, Any], *, times: int = 1) -> dict[str, Any]:
    """A rule by which WeChat misbehaves about one order."""
    return {"match": {"api": api, "out_trade_no": order["order_number"]}, "times": times, "action": action}


def entries(detail: dict[str, Any]) -> list[tuple[str, str, int]]:
    """A payment's journal entries as (kind, account, fen)."""
    return [(entry["kind"], entry["account"], entry["amount_fen"]) for entry in detail["ledger"]]
