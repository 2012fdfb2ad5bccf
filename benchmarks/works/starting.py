"""Starting on the data that is there, and the memory of a shop that has nothing to do, in both modes."""

import asyncio

from benchmarks.bench import Bench
from benchmarks.people import operator_of
from benchmarks.shop import EMBEDDED, Mode, Shop

IDLE_SECONDS = 3.0
DAY = "2026-01-01"


async def measure_starts(bench: Bench) -> None:
    """Stop the shop and start it again on its data, in the other mode and in that of this session, in turn."""
    ours, starts = bench.shop, bench.size.starts
    await ours.stop()
    (other,) = (ours.in_mode(mode) for mode in Mode if mode is not ours.mode)
    seconds: dict[Mode, list[float]] = {mode: [] for mode in Mode}
    try:
        for number in range(starts):
            for shop in (other, ours):
                seconds[shop.mode].append(await shop.start())
                bench.say(f"start: {shop.mode} {number + 1}/{starts}, {seconds[shop.mode][-1]:.1f} s")
                if number == 0:
                    await _measure_memory(bench, shop)
                if shop is other or number < starts - 1:
                    await shop.stop()
    finally:
        await other.stop()
    for mode, values in seconds.items():
        bench.results.tell(f"{mode} start: with data", "s", *values)


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
