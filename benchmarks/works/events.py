"""Events from an outbox over RabbitMQ into an inbox: one process announces and relays, as an app does, another consumes."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import cpu
from benchmarks.bench import Bench
from benchmarks.pair import SINK, SOURCE
from benchmarks.percentiles import percentile
from benchmarks.shop import POSTGRESQL, RABBITMQ, Mode
from deploy.local.home import PROJECT
from shared.migrations import migrate

DATABASES = {SOURCE: "benchmark_source", SINK: "benchmark_sink"}
LINE_BYTES = 2**27
WAIT_SECONDS = 120.0
HALF_RATE = 2_500
TICK_SECONDS = 0.02
ANNOUNCED_IN = 10
WARM_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The two processes."""

    relay: asyncio.subprocess.Process
    consumer: asyncio.subprocess.Process

    async def announce(self, count: int) -> None:
        """So many events in one transaction."""
        await _ask(self.relay, count)

    async def arrived(self, count: int) -> dict[str, Any]:
        """Wait until so many have come since this was asked last; when the last one did, and each one's lag."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return dict(json.loads(await _ask(self.consumer, count)))
        except TimeoutError as error:
            raise RuntimeError(f"{count:,} events did not arrive within {WAIT_SECONDS:.0f} s") from error


async def measure_events(bench: Bench) -> None:
    """As fast as they go through, in rounds; then 2,500 a second, and how late each is."""
    if bench.shop.mode is Mode.EMBEDDED:
        bench.results.remarks.append(
            "events over RabbitMQ are not measured: the embedded mode passes them in process"
        )
        return
    databases = {role: bench.shop.new_database(name) for role, name in DATABASES.items()}
    for urls in databases.values():
        await migrate(urls.owner, "benchmarks.kernel_migrations")
    async with _pair(bench, {role: urls.runtime for role, urls in databases.items()}) as pair:
        await pair.announce(WARM_EVENTS)
        await pair.arrived(WARM_EVENTS)
        rates = [await _as_fast_as_it_goes(bench, pair) for _ in range(bench.size.rounds)]
        bench.results.tell("events: rate", "/s", *rates)
        lags = [await _at_half_the_rate(bench, pair) for _ in range(bench.size.rounds)]
        bench.results.tell("events at half the rate: lag p50", "ms", *(percentile(each, 50) for each in lags))
        bench.results.tell("events at half the rate: lag p99", "ms", *(percentile(each, 99) for each in lags))


async def _as_fast_as_it_goes(bench: Bench, pair: Pair) -> float:
    """Events a second, from their first announcement to the last one's reaction."""
    count = bench.size.events
    roots = bench.shop.roots() | {pair.relay.pid: "relay", pair.consumer.pid: "consumer"}
    before, began = cpu.cpu_seconds(roots), time.time()
    for _ in range(ANNOUNCED_IN):
        await pair.announce(count // ANNOUNCED_IN)
    last_at: float = (await pair.arrived(count))["last_at"]
    used = cpu.spent(before, cpu.cpu_seconds(roots), ("relay", "consumer", POSTGRESQL, RABBITMQ))
    for name, seconds in used.items():
        bench.results.tell(f"events: CPU, {name}", "µs", seconds * 1e6 / count)
    rate = count / (last_at - began)
    bench.say(f"events: {rate:,.0f}/s")
    return rate


async def _at_half_the_rate(bench: Bench, pair: Pair) -> list[float]:
    count = int(bench.size.seconds * HALF_RATE)
    began, announced = time.monotonic(), 0
    while announced < count:
        await asyncio.sleep(TICK_SECONDS)
        due = min(count, int((time.monotonic() - began) * HALF_RATE)) - announced
        if due > 0:
            await pair.announce(due)
            announced += due
    lags: list[float] = (await pair.arrived(count))["lags_ms"]
    bench.say(f"events: {HALF_RATE:,}/s, p99 {percentile(lags, 99):,.0f} ms late")
    return lags


@asynccontextmanager
async def _pair(bench: Bench, urls: Mapping[str, str]) -> AsyncIterator[Pair]:
    consumer = await _started("consumer", urls[SINK], bench.shop.amqp_url(SINK))
    relay = await _started("relay", urls[SOURCE], bench.shop.amqp_url(SOURCE))
    try:
        yield Pair(relay, consumer)
    finally:
        for process in (relay, consumer):
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _started(what: str, database: str, amqp_url: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.pair", what),
        cwd=PROJECT,
        env=os.environ | {"PAIR_DATABASE": database, "PAIR_AMQP": amqp_url},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    async with asyncio.timeout(WAIT_SECONDS):
        await _line(process)
    return process


async def _ask(process: asyncio.subprocess.Process, number: int) -> bytes:
    assert process.stdin is not None
    process.stdin.write(f"{number}\n".encode())
    return await _line(process)


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    if not (line := await process.stdout.readline()):
        raise RuntimeError("the relay or the consumer ended")
    return line
