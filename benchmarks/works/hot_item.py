"""A hot item: many more buyers than units, all at the same moment; exactly the units are sold, all others hear so."""

from collections.abc import Mapping
from typing import Any

from benchmarks.api import Api
from benchmarks.bench import Bench
from benchmarks.generator.plans import Plan
from benchmarks.load import Round, play
from benchmarks.people import Shopper, logged_in
from benchmarks.percentiles import percentile
from benchmarks.settling import Settling
from benchmarks.shop import Shop
from benchmarks.stock import hot_product
from benchmarks.works.purchase import rows_of

SOLD, SOLD_OUT = "201", "409 catalog/insufficient-stock"
UNAVAILABLE = "5"


async def measure_hot_items(bench: Bench) -> None:
    """Each rush once: it is a count, and takes many people."""
    buyers = await logged_in(bench.shop, count=max(count for _, count in bench.size.rushes))
    bench.say(f"hot item: {len(buyers):,} buyers have logged in")
    for units, count in bench.size.rushes:
        await _rush(bench, units, buyers[:count])


async def _rush(bench: Bench, units: int, buyers: list[Shopper]) -> None:
    shop, results = bench.shop, bench.results
    name = f"hot item, {units} units and {len(buyers):,} buyers"
    sku_id = await hot_product(bench.operator, bench.stock.category_ids[0], units=units)
    settling = await Settling.from_now_on(shop)

    async def settle() -> None:
        await settling.wait()

    try:
        one = await play(await _plan(shop, sku_id, buyers), shop.cpu_seconds, settle=settle)
    finally:
        await settling.close()
    came = {each: len(latencies) for each, latencies in one.outcome.latencies_ms.items()}
    bench.say(f"{name}: {came}")
    results.tell(f"{name}: sold", "", came.get(SOLD, 0))
    results.tell(f"{name}: clean refusals", "", came.get(SOLD_OUT, 0))
    results.tell(f"{name}: 5xx", "", sum(n for each, n in came.items() if each.startswith(UNAVAILABLE)))
    results.tell(f"{name}: no answer", "", one.outcome.failures)
    results.tell(f"{name}: until all are answered", "s", one.outcome.seconds)
    results.tell(f"{name}: refusals p95", "ms", _p95(one, SOLD_OUT))
    results.tell(f"{name}: orders p95", "ms", _p95(one, SOLD))
    results.tell(f"{name}: CPU a buyer", "ms", sum(one.cpu_ms.values()))
    results.remarks += [
        f"{name}: {n} × {each}" for each, n in sorted(came.items()) if each not in (SOLD, SOLD_OUT)
    ]
    results.remarks += [f"{name}: {n} × {error}" for error, n in one.outcome.errors.items()]
    results.faults += await _oversold(shop, name, sku_id, units, came, one)


def _p95(one: Round, came: str) -> float:
    return percentile(one.outcome.latencies_ms.get(came, []), 95)


async def _plan(shop: Shop, sku_id: str, buyers: list[Shopper]) -> Plan:
    """Everybody has seen the same price, and orders at once."""
    lines = [{"sku_id": sku_id, "quantity": 1}]
    buyer = Api(shop.url)
    buyer.token = buyers[0].token
    quote = await buyer.post("/checkout/preview", {"lines": lines})
    buyer.close()
    return {
        "kind": "rush",
        "host": buyer.host,
        "port": buyer.port,
        "concurrency": len(buyers),
        "seconds": None,
        "units": len(buyers),
        "given": {
            "tokens": [each.token for each in buyers],
            "body": {"lines": lines, "quote_fingerprint": quote["quote_fingerprint"]},
        },
    }


async def _oversold(
    shop: Shop, name: str, sku_id: str, units: int, came: Mapping[str, int], one: Round
) -> list[str]:
    """Whether more was sold than there was, by the books of stock, of orders, and by what buyers were told."""
    query = "SELECT on_hand, reserved, sold FROM stock_levels WHERE sku_id = $1"
    ((on_hand, reserved, sold),) = await rows_of(shop, "catalog", query, sku_id)
    query = (
        "SELECT o.id::text, o.payable_fen FROM orders o JOIN order_lines l ON l.order_id = o.id"
        " WHERE l.sku_id = $1 AND o.status = 'pending_pay'"
    )
    ordered: dict[str, Any] = dict(await rows_of(shop, "order", query, sku_id))
    wrong = []
    if reserved + sold > units or on_hand < reserved or len(ordered) > units or came.get(SOLD, 0) > units:
        wrong.append(f"{name}: oversold: {reserved} held, {len(ordered)} ordered of {units}")
    if reserved != len(ordered):
        wrong.append(f"{name}: {reserved} units are held for {len(ordered)} orders")
    wrong += [
        f"{name}: order {order_id} was told at {fen} fen and is kept at {ordered.get(order_id)}"
        for order_id, fen in one.outcome.notes
        if ordered.get(order_id) != fen
    ]
    return wrong
