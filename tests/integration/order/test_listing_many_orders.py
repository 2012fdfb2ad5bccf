"""Lists of orders among many: what they find, and that what they cost does not grow with what they leave out."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.order.orders.domain import Order, OrderStatus
from services.order.orders.queries import OrderFilter, all_orders, orders_of_member
from shared.database import reading
from shared.http.paging import cursor
from tests.support.databases import fresh_databases
from tests.support.kernel import kernel_engine
from tests.support.statements import pages_touched

MANY = 20_000
FIRST_AT = datetime(2026, 1, 1, tzinfo=UTC)
DEALER, SHOPPER = UUID(int=7), UUID(int=8)
MOST_PAGES = 60
"""Of the 4,000 and more that the orders and their indexes lie on."""

_FILL = """
INSERT INTO orders (id, order_number, member_id, status, version, unpaid_slot, goods_fen, discount_fen, coupon_discount_fen,
  points_used, points_discount_fen, freight_fen, freight_discount_fen, payable_fen, price_request, quote, address_id,
  address_sealed, from_cart, close_reason, request_hash, placed_at, expires_at, paid_at)
SELECT gen_random_uuid(), 'N' || n, CASE WHEN n % 5 = 0 THEN CAST(:dealer AS uuid) WHEN n % 2000 = 1 THEN :shopper
    ELSE gen_random_uuid() END, status, 1, CASE WHEN status = 'pending_pay' THEN 1 END, 0, 0, 0, 0, 0, 0, 0, 0, '{}',
  to_jsonb(repeat('x', 1000)), gen_random_uuid(), 'sealed', false, CASE WHEN n % 300 = 0 THEN 'refused' END, 'hash',
  at, at + interval '900 s', CASE WHEN status IN ('paid', 'completed') THEN at END
FROM (SELECT n, CAST(:first_at AS timestamptz) + (n / 2) * interval '1 minute' AS at,
    CASE WHEN n % 3 = 0 THEN 'closed' WHEN n % 700 = 1 THEN 'paid' WHEN n % 1900 = 2 THEN 'pending_pay'
      ELSE 'completed' END AS status FROM generate_series(0, :many - 1) n) made
"""
"""Two orders a minute at the same instant, whose ids do not tell their order; a fifth of all are one member's."""


@dataclass(frozen=True, slots=True)
class ManyOrders:
    """A database with many orders, and what is in it: the latest first."""

    engine: AsyncEngine
    orders: Sequence[Order]

    def those(self, *, wanted: Callable[[Order], bool]) -> list[UUID]:
        return [each.id for each in self.orders if wanted(each)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def many() -> AsyncIterator[ManyOrders]:
    urls = (await fresh_databases(["order"]))["order"]
    owner = create_async_engine(urls.owner)
    async with owner.begin() as connection:
        values = {"dealer": DEALER, "shopper": SHOPPER, "first_at": FIRST_AT, "many": MANY}
        await connection.execute(text(_FILL), values)
        await connection.execute(text("ANALYZE orders"))
    await owner.dispose()
    async with kernel_engine(urls, name="order") as engine:
        async with reading(engine) as connection:
            orders = await all_orders(connection, OrderFilter(), after=None, limit=MANY + 1)
        assert len(orders) == MANY
        yield ManyOrders(engine, sorted(orders, key=lambda each: (each.placed_at, each.id), reverse=True))


def at(*, minute: int) -> datetime:
    return FIRST_AT + timedelta(minutes=minute)


def within_an_hour(wanted: OrderFilter) -> OrderFilter:
    return replace(wanted, placed_from=at(minute=2_000), placed_before=at(minute=2_060))


FILTERS = [
    OrderFilter(),
    OrderFilter(placed_before=at(minute=500)),
    OrderFilter(placed_from=at(minute=9_000)),
    within_an_hour(OrderFilter()),
    OrderFilter(placed_from=at(minute=90_000)),
    OrderFilter(status=OrderStatus.COMPLETED),
    OrderFilter(status=OrderStatus.PAID),
    OrderFilter(status=OrderStatus.PARTLY_SHIPPED),
    within_an_hour(OrderFilter(status=OrderStatus.COMPLETED)),
    within_an_hour(OrderFilter(status=OrderStatus.PENDING_PAY)),
    OrderFilter(member_id=SHOPPER),
    OrderFilter(member_id=DEALER),
    within_an_hour(OrderFilter(member_id=DEALER)),
    OrderFilter(member_id=DEALER, status=OrderStatus.CLOSED),
    OrderFilter(member_id=DEALER, status=OrderStatus.PAID),
    within_an_hour(OrderFilter(member_id=DEALER, status=OrderStatus.CLOSED)),
    OrderFilter(order_number="N4001"),
    within_an_hour(OrderFilter(order_number="N4001", member_id=SHOPPER, status=OrderStatus.COMPLETED)),
    OrderFilter(order_number="N4001", member_id=DEALER),
    OrderFilter(order_number="N4001", placed_before=at(minute=2_000)),
]


def _is_wanted(order: Order, by: OrderFilter) -> bool:
    return (
        by.status in (None, order.status)
        and by.member_id in (None, order.member_id)
        and by.order_number in (None, order.order_number)
        and (by.placed_from is None or order.placed_at >= by.placed_from)
        and (by.placed_before is None or order.placed_at < by.placed_before)
    )


def _told(wanted: OrderFilter) -> str:
    return " ".join(
        str(value)[-19:]
        for value in (getattr(wanted, name) for name in wanted.__slots__)
        if value is not None
    )


@pytest.mark.parametrize("wanted", FILTERS, ids=_told)
async def test_pages_tell_every_order_that_is_wanted_once_and_the_latest_first(
    many: ManyOrders, wanted: OrderFilter
) -> None:
    found: list[UUID] = []
    expected = many.those(wanted=lambda order: _is_wanted(order, wanted))
    limit = max(7, len(expected) // 9)
    after = None
    async with reading(many.engine) as connection:
        while page := await all_orders(connection, wanted, after=after, limit=limit):
            found += [order.id for order in page]
            after = cursor(page[-1].placed_at, page[-1].id)
    assert found == expected


@pytest.mark.parametrize("deep", [None, at(minute=5), at(minute=5_000)])
@pytest.mark.parametrize("wanted", FILTERS, ids=_told)
async def test_a_page_touches_few_pages_however_many_orders_it_leaves_out(
    many: ManyOrders, wanted: OrderFilter, deep: datetime | None
) -> None:
    after = None if deep is None else cursor(deep, UUID(int=0))
    async with reading(many.engine) as connection:
        with pages_touched(many.engine) as touched:
            await all_orders(connection, wanted, after=after, limit=21)
    assert max(touched) <= MOST_PAGES, touched


async def test_a_members_own_list_leaves_out_what_never_came_to_be(many: ManyOrders) -> None:
    expected = many.those(wanted=lambda order: order.member_id == DEALER and order.close_reason != "refused")
    async with reading(many.engine) as connection:
        with pages_touched(many.engine) as touched:
            first = await orders_of_member(connection, DEALER, status=None, after=None, limit=50)
            after = cursor(first[-1].placed_at, first[-1].id)
            second = await orders_of_member(connection, DEALER, status=None, after=after, limit=50)
        closed = await orders_of_member(
            connection, DEALER, status=OrderStatus.CLOSED, after=None, limit=2_000
        )
    assert [order.id for order in first + second] == expected[:100]
    assert max(touched) <= MOST_PAGES, touched
    assert [order.id for order in closed] == many.those(
        wanted=lambda order: order.id in set(expected) and order.status is OrderStatus.CLOSED
    )
