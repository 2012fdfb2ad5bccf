"""What the gateway costs: a page through it, and the same page asked of its service directly."""

from benchmarks.bench import Bench
from benchmarks.load import Round, play
from benchmarks.results import SHOP
from benchmarks.shop import Mode
from benchmarks.works.browsing import CONCURRENCY, replay_of
from shared.http.identity import ANONYMOUS, HEADER, Identity

DIRECT = "direct"


async def measure_gateway_hop(bench: Bench) -> None:
    """A product's page; 100 products in turn. In one process there is no such hop."""
    shop, seconds = bench.shop, bench.size.seconds
    if shop.mode is Mode.EMBEDDED:
        bench.results.remarks.append("the gateway's hop is not measured: in the embedded mode there is none")
        return
    paths = [f"/products/{each}" for each in bench.stock.product_ids[:100]]
    secrets = shop.folder / "secrets"
    identity = Identity.from_files("gateway", secrets / "gateway_identity_key.pem", secrets / "keyring.json")

    async def through() -> Round:
        return await play(
            await replay_of(shop.url, paths, concurrency=CONCURRENCY, seconds=seconds), shop.cpu_seconds
        )

    async def direct() -> Round:
        headers = {HEADER: identity.mint("catalog", ANONYMOUS)}  # it lives for a minute only
        url = f"http://127.0.0.1:{shop.ports['catalog']}"
        plan = await replay_of(url, paths, concurrency=CONCURRENCY, seconds=seconds, headers=headers)
        return await play(plan, shop.cpu_seconds)

    await bench.compare("gateway hop", {SHOP: through, DIRECT: direct})
    by_hop, by_itself = bench.results.sides[-2:]
    pairs = zip(by_hop.cpu_ms.values, by_itself.cpu_ms.values, strict=True)
    bench.results.tell("gateway hop: CPU more than direct", "ms", *(a - b for a, b in pairs))
