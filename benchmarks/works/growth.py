"""The same work when there is a hundred and a thousand times as much: orders first, then products."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from benchmarks.bench import Bench
from benchmarks.load import Round, play
from benchmarks.many_orders import ManyOrders
from benchmarks.many_products import ManyProducts
from benchmarks.people import logged_in
from benchmarks.percentiles import median
from benchmarks.references.running import plain
from benchmarks.results import SHOP
from benchmarks.works.browsing import CONCURRENCY, replay_of, searches
from benchmarks.works.purchase import CONCURRENCY as BUYERS, Buying, rows_of, wrong_orders
from deploy.local.postgres_roles import owner_of

PAGE_ROUNDS = 2
DATABASES = ("order", "payment", "catalog", "member", "campaign", "analytics")
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'8GB'"}
"""While rows are made by the million nothing needs to survive a power cut."""


async def measure_growth(bench: Bench) -> None:
    """Purchases among ever more orders; lists, details and searches among ever more products."""
    if not bench.size.growth:
        bench.results.remarks.append("growth is not measured in the quick run")
        return
    await _among_orders(bench)
    await _among_products(bench)


async def _among_orders(bench: Bench) -> None:
    shop, sizes = bench.shop, bench.size.growth
    buying = await Buying.of(shop, bench.stock, await logged_in(shop, count=BUYERS))
    await buying.play(concurrency=BUYERS, seconds=1.0)
    made = await ManyOrders.prepare(shop.databases, most=sizes[-1])
    start, curve = 0, {}
    for size in sizes:
        async with _making(bench):
            await made.add(start, size)
        start = size
        bench.say(f"growth: {size:,} orders are there")
        rounds = [
            await buying.play(concurrency=BUYERS, seconds=bench.size.seconds)
            for _ in range(bench.size.rounds)
        ]
        bench.results.compare(f"purchase among {size:,} orders", {SHOP: rounds})
        curve[size] = _cpu(rounds)
    bench.results.curves["purchase, by orders"] = curve
    bench.results.tell("growth: purchase, most orders to fewest", "×", curve[max(curve)] / curve[min(curve)])
    bench.results.faults += await wrong_orders(shop, buying.orders)


async def _among_products(bench: Bench) -> None:
    shop = bench.shop
    products = ManyProducts(shop.database("catalog"))
    works = {
        "list": [f"/products?category_id={each}" for each in bench.stock.category_ids],
        "detail": [f"/products/{each}" for each in bench.stock.product_ids[:200]],
        "search": searches(),
    }
    curves: dict[str, dict[int, float]] = {work: {} for work in works}
    for size in sorted({max(size, bench.size.products) for size in bench.size.growth}):
        if size > bench.size.products:
            async with _making(bench):
                await products.grow(size)
        ((count,),) = await rows_of(shop, "catalog", "SELECT count(*) FROM products WHERE status = 'on_sale'")
        bench.say(f"growth: {count:,} products are there")
        for work, paths in works.items():
            plan = await replay_of(shop.url, paths, concurrency=CONCURRENCY, seconds=bench.size.seconds)
            rounds = [await play(plan, shop.cpu_seconds) for _ in range(PAGE_ROUNDS)]
            name = f"{work} at {size:,} products"
            bench.results.compare(name, {SHOP: rounds})
            curves[work][size] = _cpu(rounds)
    for work, curve in curves.items():
        bench.results.curves[f"{work}, by products"] = curve


def _cpu(rounds: list[Round]) -> float:
    return median([sum(each.cpu_ms.values()) for each in rounds])


@asynccontextmanager
async def _making(bench: Bench) -> AsyncIterator[None]:
    """Rows are made unflushed and unchecked, as whoever restores a backup makes them.

    What PostgreSQL would do by itself in the next minutes is done at the end: it belongs to making, not to the work.
    """
    owners = [owner_of(name) for name in DATABASES]
    _run(
        bench,
        *(f"ALTER SYSTEM SET {name} = {value}" for name, value in SETTINGS.items()),
        *(f'ALTER ROLE "{owner}" SET session_replication_role = replica' for owner in owners),
    )
    try:
        yield
    finally:
        _run(
            bench,
            *(f"ALTER SYSTEM RESET {name}" for name in SETTINGS),
            *(f'ALTER ROLE "{owner}" RESET session_replication_role' for owner in owners),
        )
    for name in DATABASES:
        connection = await asyncpg.connect(plain(bench.shop.database(name).owner))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    _run(bench, "CHECKPOINT")


def _run(bench: Bench, *statements: str) -> None:
    bench.shop.sql("".join(f"{each};\n" for each in (*statements, "SELECT pg_reload_conf()")))
