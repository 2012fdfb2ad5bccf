"""The campaign service as its tests speak of it: templates to claim from, coupons, orders that use them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import ManualClock
from shared.database import reading
from shared.events import Event, OrderClosed, OrderLine, OrderPaid, OrderRefunded
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from tests.support.shop import Shop
from tests.support.statements import heard

AT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)

TEN_OFF = {
    "name": "满100减10",
    "kind": "amount",
    "amount_fen": 1_000,
    "threshold_fen": 10_000,
    "total_quota": 100,
    "per_member_limit": 1,
    "valid_days": 7,
}


@dataclass(frozen=True, slots=True)
class Campaign:
    """The campaign service alone, with the clock in the tests' hands."""

    shop: Shop
    clock: ManualClock

    @property
    def engine(self) -> AsyncEngine:
        """Its database, as the service itself reaches it."""
        return self.shop.platform.resources["campaign"].engine

    async def operate(self, method: str, path: str, json: Any = None) -> Any:
        """An operator does something that must succeed; the answer's document."""
        answer = await self.try_to(method, path, json)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def try_to(
        self, method: str, path: str, json: Any = None, *, role: str = "operations"
    ) -> httpx.Response:
        """An operator tries something."""
        return await self.shop.as_operator(role).request("campaign", method, f"/operator{path}", json=json)

    async def template(self, *, running: bool = True, **terms: Any) -> str:
        """A new template's id, open for claims unless told otherwise."""
        created = await self.operate("POST", "/coupon-templates", TEN_OFF | terms)
        if running:
            await self.operate("POST", f"/coupon-templates/{created['template_id']}/start")
        return str(created["template_id"])

    async def claim(self, template_id: str, member_id: UUID, *, key: str | None = None) -> httpx.Response:
        """A member claims a coupon."""
        headers = {"idempotency-key": key or str(new_id())}
        caller, path = self.shop.as_member(member_id), f"/coupon-templates/{template_id}/claim"
        return await _patiently(lambda: caller.post("campaign", path, headers=headers))

    async def coupon(self, member_id: UUID, **terms: Any) -> str:
        """The id of a coupon that this member claimed from a template of its own."""
        answer = await self.claim(await self.template(**terms), member_id)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["coupon_id"])

    async def coupons(self, member_id: UUID, **query: Any) -> list[dict[str, Any]]:
        """What a member sees in their wallet."""
        answer = await self.shop.as_member(member_id).get("campaign", "/me/coupons", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def state(self, member_id: UUID, coupon_id: str) -> str:
        """How a coupon stands, as its owner sees it."""
        coupons = {coupon["coupon_id"]: coupon["state"] for coupon in await self.coupons(member_id)}
        return str(coupons[coupon_id])

    async def lock(self, order_id: UUID, member_id: UUID, coupon_id: str) -> httpx.Response:
        """The order service locks a coupon."""
        body = {"member_id": str(member_id), "coupon_id": coupon_id}
        caller, path = self.shop.as_service("order"), f"/internal/coupon-locks/{order_id}"
        return await _patiently(lambda: caller.put("campaign", path, body))

    async def release(self, order_id: UUID) -> httpx.Response:
        """The order service lets a coupon go."""
        return await self.shop.as_service("order").post(
            "campaign", f"/internal/coupon-locks/{order_id}/release"
        )

    async def locked_coupon(self, member_id: UUID, order_id: UUID, **terms: Any) -> str:
        """The id of a coupon that this order has locked."""
        coupon_id = await self.coupon(member_id, **terms)
        answer = await self.lock(order_id, member_id, coupon_id)
        assert answer.status_code == 200, answer.text
        return coupon_id

    async def offers(
        self, member_id: UUID, *lines: dict[str, Any], coupon_id: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """What the order service is told about a cart."""
        answer = await self.ask_for_offers(
            {"member_id": str(member_id), "coupon_id": coupon_id, "lines": list(lines)} | more
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask_for_offers(self, body: dict[str, Any]) -> httpx.Response:
        """The order service asks, perhaps badly."""
        defaults = {"at": self.clock.now().isoformat()}
        return await self.shop.as_service("order").post("campaign", "/internal/offers", defaults | body)

    async def full_reduction(self, *, running: bool = True, **terms: Any) -> str:
        """A new full reduction's id, running unless told otherwise."""
        defaults = {"name": "满200减20", "tiers": [{"threshold_fen": 20_000, "reduction_fen": 2_000}]}
        created = await self.operate("POST", "/full-reductions", defaults | terms)
        if running:
            await self.operate("POST", f"/full-reductions/{created['full_reduction_id']}/start")
        return str(created["full_reduction_id"])

    async def hear(self, event: Event, *, id: UUID | None = None) -> None:
        """Deliver an event to the reactions that listen to it."""
        await self.hear_together({id or new_id(): event})

    async def hear_together(self, events: Mapping[UUID, Event]) -> None:
        """Deliver events of one type, by their ids, in one message."""
        envelopes = [encode(event, id=id_, at=self.clock.now()) for id_, event in events.items()]
        event = next(iter(events.values()))
        delivery = Delivery(event.type, f"[{','.join(envelopes)}]".encode(), redelivered=False)
        for reaction in self.shop.platform.workers["campaign"].reactions:
            if type(event) in reaction.types:
                await Consumer(reaction, self.engine, self.clock).handle([delivery])

    async def retry_stalled(self) -> None:
        """Let what came too early be tried again."""
        async with self.engine.begin() as connection:
            await connection.execute(
                text("UPDATE stalled_events SET next_attempt_at = now() WHERE state = 'waiting'")
            )
        await self.shop.platform.workers["campaign"].retry_due()

    async def announced(self, coupon_id: str, type_: type[Event]) -> list[dict[str, Any]]:
        """The events of one type about a coupon, in order."""
        rows = await self.rows(
            "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox"
            " WHERE type = :type AND subject = :subject ORDER BY id",
            type=type_.type,
            subject=coupon_id,
        )
        return [row["data"] for row in rows]

    async def journal(self, coupon_id: str) -> list[str]:
        """What happened to a coupon, in order."""
        rows = await self.rows(
            "SELECT kind FROM coupon_journal WHERE coupon_id = :id ORDER BY id", id=UUID(coupon_id)
        )
        return [row["kind"] for row in rows]

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Look into the database."""
        async with reading(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(text(statement), values))]

    @asynccontextmanager
    async def counting_statements(self) -> AsyncIterator[list[str]]:
        """The statements sent meanwhile."""
        sent: list[str] = []
        with heard(self.engine, sent.append):
            yield sent


async def _patiently(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Call again while the service is too busy to take the call: safe, since the call is repeatable (P2)."""
    while (answer := await call()).status_code == 503:
        await asyncio.sleep(0.05)
    return answer


def a_line(unit_price_fen: int = 10_000, quantity: int = 1, **values: Any) -> dict[str, Any]:
    """One line of a cart as the order service sends it."""
    defaults = {"line_key": str(new_id()), "product_id": str(new_id()), "category_ids": [str(new_id())]}
    return defaults | {"unit_price_fen": unit_price_fen, "quantity": quantity} | values


def order_paid(
    order_id: UUID, member_id: UUID, coupon_id: str | None, *, coupon_discount_fen: int = 1_000
) -> OrderPaid:
    """An order paid for with a coupon, or without."""
    line = OrderLine(
        order_line_id=new_id(),
        sku_id=new_id(),
        product_id=new_id(),
        category_id=new_id(),
        quantity=1,
        unit_price_fen=10_000,
        payable_fen=10_000 - coupon_discount_fen,
    )
    return OrderPaid(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        member_id=member_id,
        lines=[line],
        goods_fen=10_000,
        discount_fen=coupon_discount_fen,
        freight_fen=0,
        payable_fen=10_000 - coupon_discount_fen,
        coupon_id=UUID(coupon_id) if coupon_id else None,
        coupon_discount_fen=coupon_discount_fen,
        points_used=0,
        placed_at=AT,
        paid_at=AT,
    )


def order_closed(order_id: UUID, member_id: UUID, coupon_id: str) -> OrderClosed:
    """An order that nobody paid."""
    return OrderClosed(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        member_id=member_id,
        reason="timeout",
        coupon_id=UUID(coupon_id),
        points_used=0,
        placed_at=AT,
        closed_at=AT,
    )


def order_refunded(
    order_id: UUID, member_id: UUID, coupon_id: str, *, is_full: bool = True, refunded_at: datetime = AT
) -> OrderRefunded:
    """A refund of an order that a coupon was used for."""
    return OrderRefunded(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        refund_id=new_id(),
        member_id=member_id,
        lines=[],
        freight_fen=0,
        refund_fen=9_000,
        points_returned=0,
        is_full=is_full,
        coupon_id=UUID(coupon_id),
        paid_at=AT,
        refunded_at=refunded_at,
    )
