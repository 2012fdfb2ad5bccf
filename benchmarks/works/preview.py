"""The price of a basket of three goods, for members; every sum is compared with the goods' prices."""

from benchmarks.bench import Bench
from benchmarks.generator.plans import Plan
from benchmarks.load import play
from benchmarks.people import logged_in
from benchmarks.results import SHOP
from benchmarks.stock import price_fen

CONCURRENCY = 16
BASKETS = 50
LINES = 3


async def measure_preview(bench: Bench) -> None:
    """Sixteen members ask in turn."""
    plan = await _plan(bench)
    await bench.compare("preview", {SHOP: lambda: play(plan, bench.shop.cpu_seconds)})


async def _plan(bench: Bench) -> Plan:
    shoppers = await logged_in(bench.shop, count=CONCURRENCY)
    products = list(bench.stock.products.items())
    exchanges = []
    for number in range(BASKETS):
        basket = [products[(number * LINES + at) % len(products)] for at in range(LINES)]
        goods_fen = sum(price_fen(bench.stock.numbers[product]) for product, _ in basket)
        exchanges.append(
            {
                "method": "POST",
                "path": "/checkout/preview",
                "body": {"lines": [{"sku_id": skus[0], "quantity": 1} for _, skus in basket]},
                "token": shoppers[number % CONCURRENCY].token,
                "has": {"goods_fen": goods_fen, "discount_fen": 0},
            }
        )
    return {
        "kind": "replay",
        "host": "127.0.0.1",
        "port": bench.shop.ports["gateway"],
        "concurrency": CONCURRENCY,
        "seconds": bench.size.seconds,
        "units": None,
        "given": {"exchanges": exchanges},
    }
