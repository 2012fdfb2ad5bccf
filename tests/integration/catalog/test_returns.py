"""What comes back from shoppers: on the shelf or not, in refunds and exchanges (OR-10, S1, S2)."""

from collections.abc import Mapping
from uuid import UUID

from shared.events import AfterSaleChanged, OrderRefunded, ReplacedLine, ReplacementShipped
from shared.ids import new_id
from tests.integration.catalog.goods import AT, Catalog, paid, refunded


def restocking(event: OrderRefunded, restock_quantity: int) -> OrderRefunded:
    """The refund with so many units of each line that go back on the shelf."""
    lines = [line.model_copy(update={"restock_quantity": restock_quantity}) for line in event.lines]
    return event.model_copy(update={"lines": lines})


def replaced(after_sale_id: UUID, units: Mapping[str, tuple[int, int]]) -> ReplacementShipped:
    """New units left for those that came back, some of which can be sold again."""
    return ReplacementShipped(
        after_sale_id=after_sale_id,
        order_id=new_id(),
        member_id=new_id(),
        lines=[
            ReplacedLine(
                order_line_id=new_id(), sku_id=UUID(sku_id), quantity=quantity, restock_quantity=restock
            )
            for sku_id, (quantity, restock) in units.items()
        ],
        shipped_at=AT,
    )


def changed(after_sale_id: UUID, kind: str, status: str) -> AfterSaleChanged:
    return AfterSaleChanged(
        after_sale_id=after_sale_id,
        after_sale_number=after_sale_id.hex,
        order_id=new_id(),
        order_number="1",
        member_id=new_id(),
        kind=kind,
        from_status="received",
        status=status,
        reason=None,
        refund_id=None,
        changed_at=AT,
    )


async def test_what_is_not_fit_for_sale_stays_off_the_shelf_and_the_ledger_says_so(catalog: Catalog) -> None:
    sku_id, order_id, refund_id = await catalog.sku(), new_id(), new_id()
    await catalog.reserve(order_id, {sku_id: 5})
    await catalog.announce("commit-reservation", paid(order_id, {sku_id: 5}))
    some = restocking(refunded(order_id, {sku_id: 3}, refund_id=refund_id), 1)
    for _ in range(2):
        await catalog.announce("restock-refunded", some)
    assert await catalog.stock(sku_id) == (6, 0, 4)
    none = restocking(refunded(order_id, {sku_id: 2}), 0)
    for _ in range(2):
        await catalog.announce("restock-refunded", none)
    assert await catalog.stock(sku_id) == (6, 0, 4)
    movements = (
        await catalog.shop.as_operator("operations").get(
            "catalog", f"/operator/skus/{sku_id}/stock-movements?limit=2"
        )
    ).json()["items"]
    assert [(each["kind"], each["on_hand"], each["sold"], each["reason"]) for each in movements] == [
        ("restock", 0, 0, "2 of 2 stay off the shelf"),
        ("restock", 1, -1, "2 of 3 stay off the shelf"),
    ]


async def test_an_exchange_sells_what_it_holds_and_takes_back_what_came_once(catalog: Catalog) -> None:
    sku_id, order_id, after_sale_id = await catalog.sku(), new_id(), new_id()
    await catalog.reserve(order_id, {sku_id: 3})
    await catalog.announce("commit-reservation", paid(order_id, {sku_id: 3}))
    await catalog.reserve(after_sale_id, {sku_id: 3})
    assert await catalog.stock(sku_id) == (7, 3, 3)
    event = replaced(after_sale_id, {sku_id: (3, 2)})
    for _ in range(2):
        await catalog.announce("settle-exchange", event)
    assert await catalog.stock(sku_id) == (6, 0, 4)
    await catalog.announce("restock-refunded", refunded(order_id, {sku_id: 3}))
    assert await catalog.stock(sku_id) == (9, 0, 1), "what was exchanged can be returned later"


async def test_only_an_exchange_that_became_a_refund_lets_go_of_what_it_holds(catalog: Catalog) -> None:
    sku_id, after_sale_id, late = await catalog.sku(), new_id(), new_id()
    await catalog.reserve(after_sale_id, {sku_id: 2})
    for kind, status in (("exchange", "replacing"), ("refund_only", "refunding"), ("exchange", "completed")):
        await catalog.announce("release-replacement", changed(after_sale_id, kind, status))
        assert await catalog.stock(sku_id) == (10, 2, 0)
    for _ in range(2):
        await catalog.announce("release-replacement", changed(after_sale_id, "exchange", "refunding"))
    assert await catalog.stock(sku_id) == (10, 0, 0)
    await catalog.announce("release-replacement", changed(late, "exchange", "refunding"))
    refused = await catalog.reserve(late, {sku_id: 1})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/catalog/reservation-released")


async def test_an_exchange_that_holds_nothing_yet_waits(catalog: Catalog) -> None:
    sku_id, after_sale_id = await catalog.sku(), new_id()
    await catalog.announce("settle-exchange", replaced(after_sale_id, {sku_id: (1, 1)}))
    assert len(await catalog.stalled(after_sale_id)) == 1
    assert await catalog.stock(sku_id) == (10, 0, 0)
