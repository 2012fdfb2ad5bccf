"""`python -m benchmarks`: measure the shop beside its references; exits with 1 when an answer or a sum was wrong."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.bench import FULL, QUICK, Bench, Size
from benchmarks.people import operator_of
from benchmarks.percentiles import median
from benchmarks.plot import draw
from benchmarks.references.running import running
from benchmarks.shop import Mode, Shop
from benchmarks.stock import stock_the_shop
from benchmarks.works import browsing, events, gateway_hop, growth, hot_item, preview, purchase, starting
from deploy.local.commands import run_command
from deploy.local.home import PROJECT

FOLDER = PROJECT / ".jishi-bench"
PORT = 9580
NOISE = 0.05
"""With a larger share of the machine taken by others the figures say little."""

Work = Callable[[Bench], Awaitable[None]]
WORKS: Mapping[str, Work] = {
    "list": browsing.measure_list,
    "detail": browsing.measure_detail,
    "home": browsing.measure_home,
    "search": browsing.measure_search,
    "preview": preview.measure_preview,
    "gateway-hop": gateway_hop.measure_gateway_hop,
    "purchase": purchase.measure_purchase,
    "hot-item": hot_item.measure_hot_items,
    "events": events.measure_events,
    "start": starting.measure_starts,
    "growth": growth.measure_growth,
}
"""In the order in which they are measured: the last ones change the shop most."""


async def session(mode: Mode, size: Size, names: list[str], *, port: int) -> Bench:
    """Open a shop, stock it, measure, close it."""
    folder = FOLDER / mode
    shop = Shop(folder / "shop", mode, port=port)
    print(f"Opening a shop of its own in {shop.folder}", flush=True)
    shop.clear()
    try:
        seconds = await shop.start()
        operator = await operator_of(shop)
        stock = await stock_the_shop(operator, products=size.products)
        async with running(shop, folder / "references") as references:
            bench = Bench(shop, stock, operator, references, size, folder)
            bench.results.tell(f"{mode} start: a new shop", "s", seconds)
            bench.results.remarks += references.missing()
            for name in names:
                bench.say(f"{name} …")
                await WORKS[name](bench)
        if (others := median(bench.results.others)) > NOISE:
            bench.results.remarks.append(
                f"others took {others:.0%} of this machine's CPU meanwhile: do not trust the figures"
            )
        return bench
    finally:
        await shop.stop()


def main() -> None:
    """Measure once and tell."""
    given = _arguments()
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("The benchmark reads Linux's /proc, which this machine has not.")
    size = QUICK if given.quick else FULL
    if given.growth:
        size = replace(size, growth=tuple(sorted(given.growth)))
    bench = run_command(session(given.mode, size, given.only or list(WORKS), port=given.port))
    print(f"\n{report.text(bench.results)}\n")
    about = {"mode": given.mode, "size": "quick" if given.quick else "full", "works": given.only}
    report.save(bench.folder / "report.json", report.document(bench.results, about=about))
    print(f"  {bench.folder / 'report.json'}", flush=True)
    if bench.results.curves:
        draw(bench.results.curves, bench.folder / "growth.png")
        print(f"  {bench.folder / 'growth.png'}", flush=True)
    sys.exit(1 if bench.results.faults else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under 3 minutes")
    parser.add_argument("--mode", choices=list(Mode), type=Mode, default=Mode.FULL)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), metavar="WORK", help=", ".join(WORKS))
    parser.add_argument(
        "--growth", nargs="+", type=int, metavar="SIZE", help="how many orders, and how many products"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="the gateway's; all others keep their distance"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
