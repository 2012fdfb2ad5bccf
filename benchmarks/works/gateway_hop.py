"""What the gateway costs: an answer through it, and the same answer asked of its service directly.

Twice: for what it hands on each time, and for a page that it keeps for a moment and mostly need not ask for.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.load import Round, play
from benchmarks.results import SHOP
from benchmarks.shop import Mode
from benchmarks.works.browsing import CONCURRENCY, replay_of, searches
from shared.http.identity import ANONYMOUS, HEADER, Identity

DIRECT = "direct"
PRODUCTS = 100


async def measure_gateway_hop(bench: Bench) -> None:
    """Searches, which are handed on; products' pages, which are kept. In one process there is no such hop."""
    if bench.shop.mode is Mode.EMBEDDED:
        bench.results.remarks.append("the gateway's hop is not measured: in the embedded mode there is none")
        return
    await _measure(bench, "gateway hop, handed on", searches())
    pages = [f"/products/{each}" for each in bench.stock.product_ids[:PRODUCTS]]
    await _measure(bench, "gateway hop, kept pages", pages)


async def _measure(bench: Bench, work: str, paths: Sequence[str]) -> None:
    shop, seconds = bench.shop, bench.size.seconds
    secrets = shop.folder / "secrets"
    identity = Identity.from_files("gateway", secrets / "gateway_identity_key.pem", secrets / "keyring.json")

    async def through() -> Round:
        plan = await replay_of(shop.url, paths, concurrency=CONCURRENCY, seconds=seconds)
        return await play(plan, shop.cpu_seconds)

    async def direct() -> Round:
        headers = {HEADER: identity.mint("catalog", ANONYMOUS)}  # it lives for a minute only
        url = f"http://127.0.0.1:{shop.ports['catalog']}"
        plan = await replay_of(url, paths, concurrency=CONCURRENCY, seconds=seconds, headers=headers)
        return await play(plan, shop.cpu_seconds)

    await bench.compare(work, {SHOP: through, DIRECT: direct})
    by_hop, by_itself = bench.results.sides[-2:]
    pairs = zip(by_hop.cpu_ms.values, by_itself.cpu_ms.values, strict=True)
    bench.results.tell(f"{work}: CPU more than direct", "ms", *(a - b for a, b in pairs))
