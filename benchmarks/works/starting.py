"""Starting on the data that is there, and the memory of a shop that has nothing to do, in both modes."""

import asyncio

from benchmarks.bench import Bench
from benchmarks.people import operator_of
from benchmarks.shop import EMBEDDED, Mode, Shop

IDLE_SECONDS = 3.0
DAY = "2026-01-01"


async def measure_starts(bench: Bench) -> None:
    """Stop the shop and start it again on its data, in the mode of this session and in the other one, in turn."""
    ours = bench.shop
    await ours.stop()
    shops = [ours.in_mode(mode) for mode in Mode]
    seconds: dict[Mode, list[float]] = {mode: [] for mode in Mode}
    try:
        for number in range(bench.size.starts):
            for shop in shops:
                seconds[shop.mode].append(await shop.start())
                bench.say(
                    f"start: {shop.mode} {number + 1}/{bench.size.starts}, {seconds[shop.mode][-1]:.1f} s"
                )
                if number == 0:
                    await _measure_memory(bench, shop)
                await shop.stop()
        for mode, values in seconds.items():
            bench.results.tell(f"{mode} start: with data", "s", *values)
    finally:
        for shop in shops:
            await shop.stop()
        await ours.start()


async def _measure_memory(bench: Bench, shop: Shop) -> None:
    await asyncio.sleep(IDLE_SECONDS)
    idle = shop.memory_mb()
    name = f"{shop.mode} memory"
    for group, mb in sorted(idle.items()):
        bench.results.tell(f"{name}: idle, {group}", "MB", mb)
    bench.results.tell(f"{name}: idle, in all", "MB", sum(idle.values()))
    operator = await operator_of(shop)
    await operator.get("/operator/metrics/daily", **{"from": DAY, "to": DAY})
    operator.close()
    asked = shop.memory_mb()
    if shop.mode is Mode.EMBEDDED:
        bench.results.tell(f"{name}: Python before analytics", "MB", idle[EMBEDDED])
        bench.results.tell(f"{name}: Python after analytics", "MB", asked[EMBEDDED])
    bench.results.tell(f"{name}: after analytics, in all", "MB", sum(asked.values()))
