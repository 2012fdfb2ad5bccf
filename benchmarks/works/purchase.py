"""A whole purchase: cart, preview, order, prepay, the notice, PAID seen by the client, every event reacted to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import cpu
from benchmarks.bench import Bench
from benchmarks.generator.plans import Plan
from benchmarks.load import Round, play
from benchmarks.people import Shopper, logged_in
from benchmarks.references.running import DATABASE, has_pgbench, pgbench, plain
from benchmarks.results import SHOP
from benchmarks.settling import Settling
from benchmarks.shop import Shop
from benchmarks.stock import Stock, price_fen

CONCURRENCY = 16
GOODS = 200

TABLES = """
CREATE TABLE IF NOT EXISTS bare_stock (sku integer PRIMARY KEY, left_over integer NOT NULL CHECK (left_over >= 0));
CREATE TABLE IF NOT EXISTS bare_orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, member integer NOT NULL,
  payable_fen bigint NOT NULL, status text NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS bare_lines (order_id bigint NOT NULL REFERENCES bare_orders, sku integer NOT NULL,
  quantity integer NOT NULL, payable_fen bigint NOT NULL, PRIMARY KEY (order_id, sku));
CREATE TABLE IF NOT EXISTS bare_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, envelope text NOT NULL);
INSERT INTO bare_stock SELECT n, 100000000 FROM generate_series(1, 2000) n ON CONFLICT DO NOTHING;
"""
BARE_ORDER = r"""
\set sku random(1, 2000)
\set member random(1, 100000)
BEGIN;
UPDATE bare_stock SET left_over = left_over - 1 WHERE sku = :sku;
WITH placed AS (INSERT INTO bare_orders (member, payable_fen, status) VALUES (:member, 12345, 'placed') RETURNING id)
INSERT INTO bare_lines SELECT id, :sku, 1, 12345 FROM placed;
INSERT INTO bare_outbox (envelope) VALUES (repeat('x', 500));
COMMIT;
BEGIN;
UPDATE bare_orders SET status = 'paid' WHERE id = (SELECT max(id) FROM bare_orders);
INSERT INTO bare_outbox (envelope) VALUES (repeat('x', 500));
COMMIT;
"""
"""The least that an order and its payment can be in a database: stock, order, line, two events, in two transactions."""


async def measure_purchase(bench: Bench) -> None:
    """At concurrency 16 beside the database alone, then one buyer alone."""
    shop = bench.shop
    shoppers = await logged_in(shop, count=CONCURRENCY)
    buying = await Buying.of(shop, bench.stock, shoppers)
    await buying.play(concurrency=CONCURRENCY, seconds=1.0)  # what only the first purchases cost
    calls: list[float] = []

    async def by_the_shop() -> Round:
        one = await buying.play(concurrency=CONCURRENCY, seconds=bench.size.seconds)
        calls.append(one.outcome.calls / max(1, one.outcome.units))
        return one

    def meter() -> dict[str, float]:
        return cpu.cpu_seconds(shop.roots())

    sides = {SHOP: by_the_shop}
    if has_pgbench():
        database = shop.new_database("bare")
        await _execute(database.owner, TABLES)
        sides[DATABASE] = lambda: pgbench(
            shop, "bare", BARE_ORDER, meter, seconds=bench.size.seconds, folder=bench.folder
        )
    await bench.compare("purchase", sides)
    bench.results.tell("purchase: calls", "", *calls)

    async def alone() -> Round:
        return await buying.play(concurrency=1, seconds=bench.size.seconds)

    await bench.compare("purchase, one alone", {SHOP: alone})
    bench.results.faults += await wrong_orders(shop, buying.orders)
    bench.say(f"purchase: {len(buying.orders):,} orders compared with the databases")


class Buying:
    """Shoppers who buy from the same goods, and all their orders."""

    def __init__(self, shop: Shop, shoppers: Sequence[Shopper], goods: Sequence[tuple[str, int]]) -> None:
        self.orders: list[tuple[str, int]] = []
        self._shop = shop
        self._shoppers = shoppers
        self._goods = goods

    @classmethod
    async def of(cls, shop: Shop, stock: Stock, shoppers: Sequence[Shopper]) -> "Buying":
        """The first SKUs of some products, with what the shop's owner said that they cost."""
        goods = [
            (skus[0], price_fen(stock.numbers[product]))
            for product, skus in list(stock.products.items())[:GOODS]
        ]
        return cls(shop, shoppers, goods)

    async def play(self, *, concurrency: int, seconds: float) -> Round:
        """One round; its CPU is counted until all events have been reacted to."""
        settling = await Settling.from_now_on(self._shop)

        async def settle() -> None:
            await settling.wait()

        try:
            one = await play(
                self._plan(concurrency=concurrency, seconds=seconds), self._shop.cpu_seconds, settle=settle
            )
        finally:
            await settling.close()
        self.orders += [(order_id, payable_fen) for order_id, payable_fen in one.outcome.notes]
        return one

    def _plan(self, *, concurrency: int, seconds: float) -> Plan:
        given: dict[str, Any] = {
            "shoppers": [each.told() for each in self._shoppers[:concurrency]],
            "sku_ids": [sku_id for sku_id, _ in self._goods],
            "prices_fen": [fen for _, fen in self._goods],
            "wechat_port": self._shop.ports["simulator"],
        }
        return {
            "kind": "purchase",
            "host": "127.0.0.1",
            "port": self._shop.ports["gateway"],
            "concurrency": concurrency,
            "seconds": seconds,
            "units": None,
            "given": given,
        }


async def wrong_orders(shop: Shop, orders: Sequence[tuple[str, int]]) -> list[str]:
    """Where what clients were told of paid orders is not what the databases hold: order, lines, payment, stock."""
    told = {UUID(order_id): fen for order_id, fen in orders}
    wrong = []
    for what, database, query in (
        ("order", "order", "SELECT id, payable_fen FROM orders WHERE id = ANY($1) AND status = 'paid'"),
        (
            "sum of its lines",
            "order",
            "SELECT o.id, (sum(l.payable_fen) + o.freight_fen - o.freight_discount_fen)::bigint FROM orders o"
            " JOIN order_lines l ON l.order_id = o.id WHERE o.id = ANY($1) GROUP BY o.id",
        ),
        (
            "payment",
            "payment",
            "SELECT order_id, paid_fen FROM payments WHERE order_id = ANY($1) AND status = 'succeeded'",
        ),
    ):
        found = dict(await rows_of(shop, database, query, list(told)))
        wrong += [
            f"order {order_id}: the client was told {fen} fen, the {what} says {found.get(order_id)}"
            for order_id, fen in told.items()
            if found.get(order_id) != fen
        ]
    query = "SELECT count(*) FROM reservations WHERE order_id = ANY($1) AND state = 'committed'"
    ((committed,),) = await rows_of(shop, "catalog", query, list(told))
    if committed != len(told):
        wrong.append(f"{len(told)} orders were paid, the stock of {committed} was taken")
    return wrong


async def rows_of(shop: Shop, database: str, query: str, *values: object) -> list[Any]:
    """What one of the shop's databases holds."""
    connection = await asyncpg.connect(plain(shop.database(database).owner))
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(plain(url))
    try:
        await connection.execute(script)
    finally:
        await connection.close()
