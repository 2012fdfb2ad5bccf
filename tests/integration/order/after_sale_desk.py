"""What the after-sale tests say: asking, answering, sending back, and that all books agree afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from services.order.after_sales.domain import NEXT, AfterSaleStatus
from services.order.pricing import load_quote
from shared.ids import new_id
from tests.integration.order.market import Buyer, Market

Document = Mapping[str, Any]
WAYBILL = {"carrier": "SF", "tracking_number": "SF1234567890"}
ROLES = {
    "approve": "service_desk",
    "reject": "service_desk",
    "receive": "service_desk",
    "messages": "service_desk",
    "decide": "finance",
    "refund-instead": "finance",
    "retry-replacement": "operations",
    "ship-replacement": "operations",
}
NO_GOODS = {"text": "照片看不出问题"}


@dataclass(frozen=True, slots=True)
class Desk:
    """The after-sale of a market."""

    market: Market

    # Goods that were bought

    async def bought(self, *quantities: int, **more: Any) -> tuple[Buyer, Document, list[str]]:
        """A buyer with a paid order of so many of new SKUs, and the ids of its lines in that order."""
        buyer = await self.market.buyer()
        skus = [await self.market.sku(**more) for _ in quantities]
        order = await self.market.paid_order(buyer, dict(zip(skus, quantities, strict=True)))
        return buyer, order, await self.line_ids(order, skus)

    async def shipped(self, *quantities: int, **more: Any) -> tuple[Buyer, Document, list[str]]:
        """The same, and all of it has left."""
        buyer, order, lines = await self.bought(*quantities, **more)
        await self.market.ship(order)
        return buyer, order, lines

    async def line_ids(self, order: Document, skus: list[str]) -> list[str]:
        detail = await self.market.detail(order)
        ids = {line["sku_id"]: line["order_line_id"] for line in detail["lines"]}
        return [ids[sku_id] for sku_id in skus]

    async def line(self, order: Document, order_line_id: str) -> dict[str, Any]:
        """The counters of a line."""
        rows = await self.market.rows(
            "order", "SELECT * FROM order_lines WHERE id = :id", id=UUID(order_line_id)
        )
        return rows[0]

    async def sku_under(self, *, days: int) -> str:
        """A SKU on sale under a policy of so many days."""
        key = f"policy-{new_id().hex[-12:]}"
        await self.market.operate(
            "catalog",
            "POST",
            "/operator/after-sale-policies",
            {"key": key, "title": f"{days} 天", "text": "见详情", "days": days},
        )
        product = await self.market.product()
        await self.market.operate(
            "catalog",
            "PATCH",
            f"/operator/products/{product['product_id']}",
            {"after_sale_policy_key": key, "version": product["version"]},
        )
        return str(product["skus"][0]["sku_id"])

    # What shoppers do

    async def ask(
        self,
        buyer: Buyer,
        order: Document,
        kind: str,
        units: Mapping[str, int],
        *,
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """The shopper asks; the answer."""
        lines = [{"order_line_id": line, "quantity": quantity} for line, quantity in units.items()]
        return await buyer.post(
            f"/orders/{order['order_id']}/after-sales",
            {"kind": kind, "lines": lines, "reason": "not_wanted"} | more,
            **{"idempotency-key": key or str(new_id())},
        )

    async def asked(
        self, buyer: Buyer, order: Document, kind: str, units: Mapping[str, int], **more: Any
    ) -> dict[str, Any]:
        """The shopper asks, and may."""
        answer = await self.ask(buyer, order, kind, units, **more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def try_do(self, buyer: Buyer, case: Document, verb: str, body: Any = None) -> httpx.Response:
        """The shopper does something; the answer."""
        return await buyer.post(f"/after-sales/{case['after_sale_id']}/{verb}", body)

    async def does(self, buyer: Buyer, case: Document, verb: str, body: Any = None) -> dict[str, Any]:
        """The shopper does something that must succeed."""
        answer = await self.try_do(buyer, case, verb, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def see(self, buyer: Buyer, case: Document) -> dict[str, Any]:
        """The request as its member reads it."""
        answer = await buyer.get(f"/after-sales/{case['after_sale_id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # What operators do

    async def try_answer(
        self, case: Document, verb: str, body: Any = None, *, key: str | None = None, role: str | None = None
    ) -> httpx.Response:
        """An operator takes a step; the answer."""
        operator = self.market.shop.as_operator(role or ROLES[verb])
        return await operator.post(
            "order",
            f"/operator/after-sales/{case['after_sale_id']}/{verb}",
            body,
            headers={"idempotency-key": key or str(new_id())},
        )

    async def answer(self, case: Document, verb: str, body: Any = None) -> dict[str, Any]:
        """An operator takes a step that must succeed."""
        answer = await self.try_answer(case, verb, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def inspect(self, case: Document, fine: Mapping[str, int]) -> dict[str, Any]:
        """What came back is as good as new, or not, line by line."""
        lines = [
            {
                "order_line_id": line["order_line_id"],
                "restockable_quantity": fine[line["order_line_id"]],
                "damaged_quantity": line["quantity"] - fine[line["order_line_id"]],
            }
            for line in case["lines"]
        ]
        return await self.answer(case, "receive", {"lines": lines})

    async def rules(self, **rules: Any) -> None:
        """Set after-sale rules; the others are the official ones."""
        await self.market.operate("order", "PUT", "/operator/after-sale-rules", OFFICIAL | rules)

    # The books

    async def steps(self, case: Document) -> list[str]:
        """The states a request went through; each step is legal, recorded once and announced once (M10, OR-04)."""
        rows = await self.market.rows(
            "order",
            "SELECT version, from_status, status, at FROM after_sale_history WHERE after_sale_id = :id ORDER BY version",
            id=UUID(case["after_sale_id"]),
        )
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
        assert [row["from_status"] for row in rows] == [None, *(row["status"] for row in rows[:-1])]
        assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
        for row in rows[1:]:
            assert AfterSaleStatus(row["status"]) in NEXT[AfterSaleStatus(row["from_status"])]
        announced = await self.market.rows(
            "order",
            "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox WHERE type = 'after_sale.changed.v1'"
            " AND CAST(envelope AS jsonb) -> 'data' ->> 'after_sale_id' = :id ORDER BY id",
            id=case["after_sale_id"],
        )
        told = [(row["data"]["from_status"], row["data"]["status"]) for row in announced]
        assert told == [(row["from_status"], row["status"]) for row in rows]
        return [row["status"] for row in rows]

    async def due_in(self, case: Document) -> float | None:
        """In how many seconds the shop goes on by itself; its timer says the same."""
        rows = await self.market.rows(
            "order",
            "SELECT a.due_at, t.due_at AS timer_at FROM after_sales a"
            " LEFT JOIN timers t ON t.kind = 'advance-after-sale' AND t.key = a.id::text WHERE a.id = :id",
            id=UUID(case["after_sale_id"]),
        )
        due_at: datetime | None = rows[0]["due_at"]
        assert rows[0]["timer_at"] == due_at
        return None if due_at is None else (due_at - self.market.clock.now()).total_seconds()

    async def books_agree(self, order: Document) -> None:
        """Whatever went back, in whatever pieces, is the engine's to the fen; and so is the stock (M2, M4, M5, S1, S2)."""
        id = UUID(order["order_id"])
        (kept,) = await self.market.rows("order", "SELECT * FROM orders WHERE id = :id", id=id)
        lines = await self.market.rows("order", "SELECT * FROM order_lines WHERE order_id = :id", id=id)
        refunds = await self.market.rows("order", "SELECT * FROM refunds WHERE order_id = :id", id=id)
        back = await self.market.rows(
            "order",
            "SELECT l.* FROM refund_lines l JOIN refunds r ON r.id = refund_id WHERE r.order_id = :id",
            id=id,
        )
        claims = await self.market.rows(
            "order",
            "SELECT order_line_id, quantity, held_back_quantity FROM after_sale_lines"
            " JOIN after_sales a ON a.id = after_sale_id WHERE a.order_id = :id AND a.ended_at IS NULL"
            " AND a.status <> 'refunding'",
            id=id,
        )
        priced = {line.line_key: line for line in load_quote(kept["quote"]).lines}
        for line in lines:
            mine = [each for each in back if each["order_line_id"] == line["id"]]
            units, engine = line["refunded_quantity"], priced[str(line["sku_id"])]
            assert sum(each["quantity"] for each in mine) == units
            assert sum(each["amount_fen"] for each in mine) == line["refunded_fen"]
            assert line["refunded_fen"] == engine.first_units_fen(units)
            assert sum(each["points_returned"] for each in mine) == line["refunded_points"]
            assert line["refunded_points"] == engine.first_units_points(units)
            claimed = [each for each in claims if each["order_line_id"] == line["id"]]
            assert sum(each["quantity"] for each in claimed) == line["claimed_quantity"]
            assert sum(each["held_back_quantity"] for each in claimed) == line["held_back_quantity"]
            assert units + line["claimed_quantity"] <= line["quantity"]
            await self.stock_agrees(line["sku_id"])
        freight_fen = sum(refund["freight_fen"] for refund in refunds)
        assert kept["refunded_fen"] == sum(refund["refund_fen"] for refund in refunds)
        assert kept["refunded_fen"] == sum(line["refunded_fen"] for line in lines) + freight_fen
        assert freight_fen in (0, kept["freight_fen"] - kept["freight_discount_fen"])

    async def stock_agrees(self, sku_id: UUID) -> None:
        """The numbers of a SKU are its movements' and its reservations' sums (S1, S2)."""
        (level,) = await self.market.rows(
            "catalog", "SELECT on_hand, reserved, sold FROM stock_levels WHERE sku_id = :id", id=sku_id
        )
        (moved,) = await self.market.rows(
            "catalog",
            "SELECT sum(on_hand)::int AS on_hand, sum(reserved)::int AS reserved, sum(sold)::int AS sold,"
            " (sum(on_hand) FILTER (WHERE kind IN ('receive', 'adjust')))::int AS inbound"
            " FROM stock_movements WHERE sku_id = :id",
            id=sku_id,
        )
        (promised,) = await self.market.rows(
            "catalog",
            "SELECT coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0)::int AS held,"
            " coalesce(sum(quantity - restocked) FILTER (WHERE state = 'committed'), 0)::int AS sold"
            " FROM reservation_lines JOIN reservations USING (order_id) WHERE sku_id = :id",
            id=sku_id,
        )
        assert level == {name: moved[name] for name in level}
        assert level["on_hand"] + level["sold"] == moved["inbound"]
        assert (level["reserved"], level["sold"]) == (promised["held"], promised["sold"])


OFFICIAL = {
    "approve_unshipped_at_once": True,
    "default_days": 7,
    "answer_seconds": 48 * 3_600,
    "return_seconds": 7 * 86_400,
    "receive_seconds": 10 * 86_400,
    "rejected_seconds": 7 * 86_400,
    "replacement_seconds": 10 * 86_400,
}
