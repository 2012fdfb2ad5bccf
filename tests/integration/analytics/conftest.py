"""The analytics service on databases of its own, with a clock that tests move."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from shared.clock import ManualClock, day_starts_at
from shared.events import Envelope, Event, OrderLine, OrderPaid, OrderPlaced
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.transport import Delivery
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat

DAYS_APART = 40
_days: Iterator[int] = count(step=DAYS_APART)


class Analytics:
    """The service as its callers see it: clients that send events, services that announce, operators who ask."""

    def __init__(self, shop: Shop, clock: ManualClock) -> None:
        self.shop = shop
        self.clock = clock
        self.resources: Any = shop.platform.resources["analytics"]
        (reaction,) = shop.platform.workers["analytics"].reactions
        self._consumer = Consumer(reaction, self.resources.engine, clock)

    async def send(self, *events: Any, member_id: UUID | None = None) -> list[dict[str, Any]]:
        """Send events as a client does, 50 at a time; returns the results."""
        caller = self.shop.as_member(member_id) if member_id else self.shop.as_anonymous()
        results = []
        for start in range(0, len(events), 50):
            answer = await caller.post(
                "analytics", "/behaviour-events", self.batch(*events[start : start + 50])
            )
            assert answer.status_code == 202, answer.text
            results += answer.json()["results"]
        return results

    def batch(self, *events: Any) -> dict[str, Any]:
        """The body that carries events, sent now unless they say otherwise."""
        sent = {"sent_at": self.clock.now().isoformat()}
        return {"events": [sent | event if isinstance(event, dict) else event for event in events]}

    async def announce(self, *events: Event, ids: list[UUID] | None = None) -> list[UUID]:
        """Have the service hear of events, through its real reaction; returns the envelopes' ids."""
        ids = ids or [new_id() for _ in events]
        envelopes = [
            Envelope(
                id=id_,
                source=f"/services/{event.announced_by}",
                type=event.type,
                time=self.clock.now(),
                subject="s",
                data=event.model_dump(mode="json"),
            )
            for id_, event in zip(ids, events, strict=True)
        ]
        for envelope in envelopes:
            body = f"[{envelope.model_dump_json()}]".encode()
            await self._consumer.handle([Delivery(envelope.type, body, redelivered=False)])
        return ids

    async def ask(self, path: str, from_on: date, to_on: date) -> Any:
        """What an operator gets."""
        answer = await self.shop.as_operator("finance").get("analytics", f"{path}?from={from_on}&to={to_on}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def summary(self, from_on: date, to_on: date | None = None) -> dict[str, Any]:
        """The values of a whole period."""
        found: dict[str, Any] = (await self.ask("/operator/metrics/summary", from_on, to_on or from_on))[
            "values"
        ]
        return found

    async def stored(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """A question to the facts themselves."""
        found: list[dict[str, Any]] = await self.resources.facts.query(sql, parameters)
        return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def analytics(wechat: WeChat) -> AsyncIterator[Analytics]:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    async with open_shop(wechat, clock=clock, names=["analytics"], working=False) as shop:
        yield Analytics(shop, clock)


@pytest.fixture
def day(analytics: Analytics) -> date:
    """A shop day that is this test's alone, with weeks around it; the clock stands at its noon."""
    own = date(2030, 2, 1) + timedelta(days=next(_days))
    analytics.clock.set(at(own, 12))
    return own


def at(day: date, hours: float = 0) -> datetime:
    """An instant of a shop day, hours after its midnight in Shanghai."""
    return day_starts_at(day) + timedelta(hours=hours)


def behaviour(event: str, occurred_at: datetime, **more: Any) -> dict[str, Any]:
    """An event as a client notes it."""
    return {
        "event_id": str(new_id()),
        "event": event,
        "occurred_at": occurred_at.isoformat(),
        "anon_id": str(new_id()),
        "session_id": str(new_id()),
        "app": "mini",
        **{key: str(value) if isinstance(value, UUID) else value for key, value in more.items()},
    }


def placed(
    member_id: UUID, placed_at: datetime, payable_fen: int = 1000, order_id: UUID | None = None
) -> OrderPlaced:
    """An order of one line."""
    return OrderPlaced(
        order_id=order_id or new_id(),
        order_number="1",
        member_id=member_id,
        lines=[_line(payable_fen)],
        goods_fen=payable_fen,
        discount_fen=0,
        freight_fen=0,
        payable_fen=payable_fen,
        coupon_id=None,
        points_used=0,
        placed_at=placed_at,
    )


def paid(order: OrderPlaced, paid_at: datetime) -> OrderPaid:
    """The order, paid."""
    return OrderPaid(**order.model_dump(), coupon_discount_fen=0, paid_at=paid_at)


def _line(payable_fen: int) -> OrderLine:
    return OrderLine(
        order_line_id=new_id(),
        sku_id=new_id(),
        product_id=new_id(),
        category_id=new_id(),
        quantity=1,
        unit_price_fen=payable_fen,
        payable_fen=payable_fen,
    )
