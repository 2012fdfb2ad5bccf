"""Building goods, and doing to them what the other services would."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import begin, reading
from shared.events import Event, OrderClosed, OrderLine, OrderPaid, OrderRefunded, RefundedLine
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from tests.support.shop import Shop
from tests.support.statements import heard

AT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The catalog under test."""

    shop: Shop

    @property
    def engine(self) -> AsyncEngine:
        """Its database, as the service itself reaches it."""
        return self.shop.platform.resources["catalog"].engine

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """A visitor reads."""
        return await self.shop.as_anonymous().get("catalog", path, **more)

    async def operate(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """An operator for the goods does something that must succeed; the answer's document."""
        answer = await self.shop.as_operator("operations").request("catalog", method, path, json=json, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def refused(
        self, method: str, path: str, json: Any = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """An operator for the goods does something that is refused; status and problem."""
        answer = await self.shop.as_operator("operations").request("catalog", method, path, json=json, **more)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()

    async def category(self, name: str | None = None, parent_id: str | None = None, **more: Any) -> str:
        """A new category's id."""
        body = {"name": name or f"分类{new_id().hex[-12:]}", "parent_id": parent_id} | more
        return str((await self.operate("POST", "/operator/categories", body))["category_id"])

    async def product(
        self, *, on_sale: bool = True, sku_count: int = 1, stock: int = 10, **more: Any
    ) -> dict[str, Any]:
        """A new product as operators see it, on sale unless told otherwise."""
        code = f"P{new_id().hex[-14:].upper()}"
        body = {
            "product_code": code,
            "name": f"商品{code}",
            "options": [{"name": "款式", "values": [f"第{number}款" for number in range(sku_count)]}],
            "skus": [
                {
                    "sku_code": f"{code}-{number}",
                    "options": {"款式": f"第{number}款"},
                    "price_fen": 1000 + number,
                    "stock": stock,
                }
                for number in range(sku_count)
            ],
        } | more
        if "category_id" not in body:
            body["category_id"] = await self.category()
        product = await self.operate("POST", "/operator/products", body)
        if on_sale:
            product = await self.operate("POST", f"/operator/products/{product['product_id']}/publish")
        return dict(product)

    async def sku(self, *, stock: int = 10) -> str:
        """The id of the only SKU of a new product on sale."""
        return str((await self.product(stock=stock))["skus"][0]["sku_id"])

    async def reserve(self, order_id: UUID, quantities: Mapping[str, int]) -> httpx.Response:
        """The order service reserves stock; told that the catalog is busy, it asks again."""
        lines = [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in quantities.items()]
        body = {"member_id": str(new_id()), "lines": lines}
        order = self.shop.as_service("order")
        while True:
            answer = await order.put("catalog", f"/internal/reservations/{order_id}", body)
            if answer.status_code != 503:
                return answer

    async def release(self, order_id: UUID) -> httpx.Response:
        """The order service gives stock back."""
        return await self.shop.as_service("order").post(
            "catalog", f"/internal/reservations/{order_id}/release"
        )

    async def stock(self, sku_id: str) -> tuple[int, int, int]:
        """On hand, reserved, sold; and the ledger adds up to just that (S1)."""
        async with reading(self.engine) as connection:
            level = await connection.execute(
                text("SELECT on_hand, reserved, sold FROM stock_levels WHERE sku_id = :id"),
                {"id": UUID(sku_id)},
            )
            ledger = await connection.execute(
                text(
                    "SELECT coalesce(sum(on_hand), 0)::int, coalesce(sum(reserved), 0)::int, coalesce(sum(sold), 0)::int"
                    " FROM stock_movements WHERE sku_id = :id"
                ),
                {"id": UUID(sku_id)},
            )
            on_hand, reserved, sold = level.one()
            assert tuple(ledger.one()) == (on_hand, reserved, sold)
            return on_hand, reserved, sold

    async def announce(self, reaction: str, *events: Event) -> None:
        """Have a reaction handle events delivered together, each under an id of its own."""
        body = "[" + ",".join(encode(each, id=new_id(), at=AT) for each in events) + "]"
        await self.deliver(reaction, Delivery(events[0].type, body.encode(), redelivered=False))

    async def deliver(self, reaction: str, delivery: Delivery) -> None:
        """Have a reaction handle a delivery."""
        worker = self.shop.platform.workers["catalog"]
        found = next(each for each in worker.reactions if each.name == f"catalog.{reaction}")
        await Consumer(found, self.engine, self.shop.platform.clock).handle([delivery])

    async def stalled(self, order_id: UUID) -> list[str]:
        """The reasons why events of an order are stalled."""
        async with reading(self.engine) as connection:
            found = await connection.execute(
                text("SELECT reason FROM stalled_events WHERE envelope LIKE :order"),
                {"order": f"%{order_id}%"},
            )
            return list(found.scalars())

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a statement of the test's own."""
        async with begin(self.engine) as work:
            result = await work.connection.execute(text(statement), values)
            return list(result)

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The statements that are sent to the database meanwhile."""
        sent: list[str] = []
        with heard(self.engine, sent.append):
            yield sent


def paid(order_id: UUID, quantities: Mapping[str, int], product_id: str | None = None) -> OrderPaid:
    """The order was paid."""
    lines = [
        OrderLine(
            order_line_id=new_id(),
            sku_id=UUID(sku_id),
            product_id=UUID(product_id) if product_id else new_id(),
            category_id=new_id(),
            quantity=quantity,
            unit_price_fen=1000,
            payable_fen=1000 * quantity,
        )
        for sku_id, quantity in quantities.items()
    ]
    goods_fen = sum(line.payable_fen for line in lines)
    return OrderPaid(
        order_id=order_id,
        order_number=order_id.hex,
        member_id=new_id(),
        lines=lines,
        goods_fen=goods_fen,
        discount_fen=0,
        freight_fen=0,
        payable_fen=goods_fen,
        coupon_id=None,
        coupon_discount_fen=0,
        points_used=0,
        placed_at=AT,
        paid_at=AT,
    )


def closed(order_id: UUID) -> OrderClosed:
    """The order will never be paid."""
    return OrderClosed(
        order_id=order_id,
        order_number=order_id.hex,
        member_id=new_id(),
        reason="unpaid",
        coupon_id=None,
        points_used=0,
        placed_at=AT,
        closed_at=AT,
    )


def refunded(
    order_id: UUID, quantities: Mapping[str, int], *, refund_id: UUID | None = None
) -> OrderRefunded:
    """Some lines of the order were refunded."""
    lines = [
        RefundedLine(
            order_line_id=new_id(),
            sku_id=UUID(sku_id),
            product_id=new_id(),
            quantity=quantity,
            amount_fen=1000 * quantity,
        )
        for sku_id, quantity in quantities.items()
    ]
    return OrderRefunded(
        order_id=order_id,
        order_number=order_id.hex,
        refund_id=refund_id or new_id(),
        member_id=new_id(),
        lines=lines,
        freight_fen=0,
        refund_fen=sum(line.amount_fen for line in lines),
        points_returned=0,
        is_full=False,
        coupon_id=None,
        paid_at=AT,
        refunded_at=AT,
    )
