"""Measures durable timers: `python -m tests.integration.shared.measure_timers 100000 --loops 2`.

It starts a PostgreSQL of its own with its usual, crash-safe settings, makes so many timers fall due within a second, and
runs them with loops beside each other, each timer writing one row in a transaction of its own. Told at the end: timers a
second, and how late the median, the 99th and the last one were.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres import LocalPostgres
from shared.clock import SystemClock
from shared.database import begin, create_engine, reading
from shared.migrations import migrate
from shared.timers.loop import Timer, TimerLoop

KIND = "measured"
SHOW_SECONDS = 5.0

_FILL = text(
    "INSERT INTO timers (id, kind, key, due_at) SELECT gen_random_uuid(), :kind, n::text,"
    " now() + n * interval '1 second' / :count FROM generate_series(1, :count) AS n"
)
_RAN = text("INSERT INTO inbox (reaction, event_id) VALUES ('timer', :id) ON CONFLICT DO NOTHING")


async def ring(engine: AsyncEngine, timer: Timer) -> datetime | None:
    """What a timer does: one row in one transaction."""
    async with begin(engine) as work:
        await work.connection.execute(_RAN, {"id": timer.id})
    return None


async def measure(url: str, *, count: int, loops: int) -> None:
    """Fill, run, and tell."""
    engine = create_engine(url, application_name="measure", pool_size=32 * loops)
    async with begin(engine) as work:
        await work.connection.execute(_FILL, {"kind": KIND, "count": count})
    late: list[float] = []
    clock = SystemClock()

    async def run(_: AsyncEngine, timer: Timer) -> datetime | None:
        late.append((clock.now() - timer.due_at).total_seconds())
        return await ring(engine, timer)

    began = time.monotonic()
    running = [asyncio.create_task(TimerLoop(engine, clock, engine, {KIND: run}).run()) for _ in range(loops)]
    while len(late) < count:
        await asyncio.sleep(min(SHOW_SECONDS, count / 20_000))
        print(f"{len(late)} of {count} run", flush=True)
    await asyncio.sleep(1)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    seconds = time.monotonic() - began
    late.sort()
    async with reading(engine) as connection:
        left = (await connection.execute(text("SELECT count(*) FROM timers"))).scalar_one()
        effects = (await connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one()
    await engine.dispose()
    print(
        f"{len(late)} runs, {effects} effects, {left} left; {count / seconds:.0f} timers a second in {seconds:.0f} s"
    )
    print(
        f"late: median {late[len(late) // 2]:.1f} s, p99 {late[len(late) * 99 // 100]:.1f} s, last {late[-1]:.1f} s"
    )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--port", type=int, default=7680)
    wish = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jishi-timers-"))
    try:
        with LocalPostgres(folder, port=wish.port) as server:
            urls = server.ensure(["kernel"])["kernel"]
            asyncio.run(migrate(urls.owner, "tests.support.kernel_migrations"))
            asyncio.run(measure(urls.runtime, count=wish.count, loops=wish.loops))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
