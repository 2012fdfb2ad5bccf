"""What the shop says of itself at rest, through its public and operators' doors (`chaos/checker/shapes.py` says what)."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from chaos.calls import Actor
from deploy.layout import SERVICES
from shared.clock import SHANGHAI

PAGE = 100
AT_ONCE = 8

Rows = list[dict[str, Any]]


async def observe(
    operator: Actor, *, sku_ids: Iterable[str], members: Mapping[str, str], began_at: datetime
) -> dict[str, Any]:
    """One observation; `members` are the shoppers' tokens by member id."""
    looking = _Looking(operator)
    orders = await looking.all("/operator/orders")
    today = datetime.now(SHANGHAI).date()
    period = f"from={began_at.astimezone(SHANGHAI).date()}&to={today}"
    parked = await asyncio.gather(*(looking.all(f"/operator/parked-events/{each}") for each in SERVICES))
    return {
        "taken_at": datetime.now(UTC).isoformat(),
        "point_rules": await looking.one("/operator/point-rules"),
        "orders": orders,
        "refunds": await looking.all("/operator/refunds"),
        "shipments": await looking.shipments(orders),
        "after_sales": await looking.all("/operator/after-sales"),
        "stock": await looking.each(looking.stock, sku_ids),
        "members": await looking.each(looking.member, members.items()),
        "coupon_templates": await looking.all("/operator/coupon-templates"),
        "payments": await looking.all("/operator/payments"),
        "refund_attempts": await looking.all("/operator/refund-attempts"),
        "cash_accounts": (await looking.one("/operator/cash-accounts"))["items"],
        "days": (await looking.one(f"/operator/metrics/daily?{period}"))["days"],
        "parked": [
            {"service": service, **event}
            for service, events in zip(SERVICES, parked, strict=True)
            for event in events
        ],
    }


class _Looking:
    """Reads, a few at a time."""

    def __init__(self, operator: Actor) -> None:
        self._operator = operator
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def one(self, path: str, *, token: str | None = None) -> Any:
        """One answer; raises RuntimeError for a refusal."""
        async with self._gate:
            answer = await self._operator.ask("GET", path, token=token)
        if not answer.is_done:
            raise RuntimeError(f"GET {path} → {answer.status} {answer.body}")
        return answer.body

    async def all(self, path: str, *, token: str | None = None) -> Rows:
        """Every page of a list."""
        rows: Rows = []
        after: str | None = None
        while True:
            page = await self.one(f"{path}?limit={PAGE}" + (f"&after={after}" if after else ""), token=token)
            rows += page["items"]
            after = page["next"]
            if after is None:
                return rows

    async def each(self, look: Any, things: Iterable[Any]) -> Rows:
        """Look at many things side by side."""
        return list(await asyncio.gather(*(look(each) for each in things)))

    async def shipments(self, orders: Rows) -> Rows:
        """The parcels of the orders of which something was shipped."""
        shipped = [each for each in orders if any(line["shipped_quantity"] for line in each["lines"])]
        found = await self.each(self._parcels, [each["order_id"] for each in shipped])
        return [parcel for parcels in found for parcel in parcels["parcels"]]

    async def stock(self, sku_id: str) -> dict[str, Any]:
        """A SKU's level, and who corrected it."""
        level = await self.one(f"/operator/skus/{sku_id}/stock")
        movements = await self.all(f"/operator/skus/{sku_id}/stock-movements")
        return {**level, "adjustments": [each for each in movements if each["kind"] == "adjust"]}

    async def member(self, known: tuple[str, str]) -> dict[str, Any]:
        """A shopper's points, growth and coupons."""
        member_id, token = known
        return {
            **await self.one(f"/operator/members/{member_id}"),
            "entries": await self.all("/me/points/entries", token=token),
            "coupons": await self.all("/me/coupons", token=token),
        }

    async def _parcels(self, order_id: str) -> dict[str, Any]:
        parcels = (await self.one(f"/operator/orders/{order_id}"))["shipments"]
        return {"parcels": [{**each, "order_id": order_id} for each in parcels]}
