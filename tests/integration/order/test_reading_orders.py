"""Lists and details: pages, filters, and a fixed number of statements."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.order.market import Buyer, Market
from tests.support.statements import heard


@contextmanager
def statements(market: Market) -> Iterator[list[str]]:
    """The statements sent to the order database meanwhile by reads (workers poll with other words)."""
    sent: list[str] = []

    def note(statement: str) -> None:
        if "timers" not in statement and "outbox" not in statement and "stalled" not in statement:
            sent.append(statement)

    with heard(market.resources.engine, note):
        yield sent


async def ordered(market: Market, buyer: Buyer, count: int) -> list[str]:
    """So many orders of two lines each, the oldest first."""
    first, second = await market.sku(stock=50), await market.sku(stock=50)
    return [(await market.order(buyer, {first: 1, second: 1}))["order_id"] for _ in range(count)]


async def test_a_list_comes_in_pages_latest_first_at_two_statements_each(market: Market) -> None:
    buyer = await market.buyer()
    placed = await ordered(market, buyer, 5)
    seen, after = [], ""
    for size in (2, 2, 1):
        with statements(market) as sent:
            page = (await buyer.get(f"/orders?limit=2{after}")).json()
        assert len(sent) == 2
        assert [len(order["lines"]) for order in page["items"]] == [2] * size
        seen += [order["order_id"] for order in page["items"]]
        after = f"&after={page['next']}"
    assert (seen, page["next"]) == (placed[::-1], None)


async def test_a_list_is_filtered_by_status(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    paid = await market.paid_order(buyer, {sku_id: 1})
    cancelled, waiting = await market.order(buyer, {sku_id: 1}), await market.order(buyer, {sku_id: 1})
    await buyer.post(f"/orders/{cancelled['order_id']}/cancel")
    for status, order in (("paid", paid), ("closed", cancelled), ("pending_pay", waiting)):
        items = (await buyer.get(f"/orders?status={status}")).json()["items"]
        assert [item["order_id"] for item in items] == [order["order_id"]]
    for query in ("status=lost", "after=nonsense", "after=WzFd", "limit=0", "limit=101"):
        assert (await buyer.get(f"/orders?{query}")).status_code == 422


async def test_an_order_is_read_in_full_in_one_statement(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    bare = await market.order(buyer, {sku_id: 1})
    rich = await market.paid_order(buyer, {sku_id: 4})
    line = (await market.detail(rich))["lines"][0]["order_line_id"]
    for _ in range(2):
        await market.ship(rich, {line: 1})
    await market.try_refund(rich, {line: 1})
    await market.settle()
    counts = []
    for order in (bare, rich):
        with statements(market) as sent:
            detail = (await buyer.get(f"/orders/{order['order_id']}")).json()
        counts.append(len(sent))
    assert counts == [1, 1]
    assert [step["status"] for step in detail["timeline"]] == [
        "creating",
        "pending_pay",
        "paid",
        "partly_shipped",
    ]
    assert (len(detail["shipments"]), len(detail["refunds"])) == (2, 1)
    assert "upload_status" not in detail["shipments"][0]
    assert sum(step["amount_fen"] for step in detail["explanation"]) == detail["payable_fen"]


async def test_operators_find_orders_by_number_member_status_and_day(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    order = await market.order(buyer, {sku_id: 1})
    reader = market.shop.as_operator("auditor")
    at = market.clock.now().isoformat().replace("+", "%2B")
    for query, found in (
        (f"order_number={order['order_number']}", 1),
        (f"member_id={buyer.member_id}", 1),
        (f"member_id={buyer.member_id}&status=pending_pay", 1),
        (f"member_id={buyer.member_id}&status=paid", 0),
        (f"member_id={buyer.member_id}&placed_from={at}", 1),
        (f"member_id={buyer.member_id}&placed_before={at}", 0),
    ):
        items = (await reader.get("order", f"/operator/orders?{query}")).json()["items"]
        assert [item["order_id"] for item in items] == [order["order_id"]] * found, query


async def test_orders_keep_the_time_to_pay_they_were_placed_with(market: Market) -> None:
    buyer, sku_id = await market.buyer(), await market.sku()
    usual = {"pay_timeout_seconds": 900, "auto_receive_seconds": 864_000}
    operations = market.shop.as_operator("operations")
    finance = market.shop.as_operator("finance")
    before = await market.order(buyer, {sku_id: 1})
    assert (await finance.put("order", "/operator/order-rules", usual)).status_code == 403
    for wrong in (4, 7_201, 900.0, "900"):
        rules = usual | {"pay_timeout_seconds": wrong}
        assert (await operations.put("order", "/operator/order-rules", rules)).status_code == 422
    quick = usual | {"pay_timeout_seconds": 60}
    assert (await operations.put("order", "/operator/order-rules", quick)).json() == quick
    after = await market.order(buyer, {sku_id: 1})
    assert (await operations.put("order", "/operator/order-rules", usual)).json() == usual
    await market.advance(seconds=61)
    assert (await market.status(before), await market.status(after)) == ("pending_pay", "closed")
    logged = await market.rows(
        "order",
        "SELECT before, after FROM audit_log WHERE actor_id = :id ORDER BY position",
        id=operations.principal.subject,
    )
    assert logged == [{"before": usual, "after": quick}, {"before": quick, "after": usual}]


@pytest.mark.parametrize(
    "path",
    [
        "/operator/order-rules",
        "/operator/orders",
        "/operator/refunds",
        "/operator/freight-rule",
        "/operator/orders/{}",
    ],
)
async def test_members_and_visitors_see_nothing_of_the_operators(market: Market, path: str) -> None:
    buyer = await market.buyer()
    path = path.format(buyer.member_id)
    assert (await buyer.get(path)).status_code == 401
    assert (await market.shop.as_anonymous().get("order", path)).status_code == 401


async def test_the_freight_rule_is_changed_by_operations_and_audited(market: Market) -> None:
    rule = {"fee_fen": 800, "free_from_fen": None}
    finance = market.shop.as_operator("finance")
    assert (await finance.put("order", "/operator/freight-rule", rule)).status_code == 403
    operations = market.shop.as_operator("operations")
    for wrong in (
        {"fee_fen": -1, "free_from_fen": None},
        {"fee_fen": 1.0, "free_from_fen": None},
        {"fee_fen": 1},
    ):
        assert (await operations.put("order", "/operator/freight-rule", wrong)).status_code == 422
    assert (await operations.put("order", "/operator/freight-rule", rule)).json() == rule
    await market.prepare()
    assert (await finance.get("order", "/operator/freight-rule")).json() == {
        "fee_fen": 800,
        "free_from_fen": 9_900,
    }
    logged = await market.rows(
        "order", "SELECT before, after FROM audit_log WHERE actor_id = :id", id=operations.principal.subject
    )
    assert logged == [{"before": {"fee_fen": 800, "free_from_fen": 9_900}, "after": rule}]
