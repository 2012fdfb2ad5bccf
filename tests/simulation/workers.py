"""A worker as a process: its real relay, consumers, timers and retries, woken when there is something for them.

Polling would fill the simulated time with queries that find nothing, so one watch a process asks the database what is due
next, after every commit, and wakes whom it concerns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import asyncpg

from shared.messaging.consumer import Consumer
from shared.messaging.reactions import Reaction
from shared.messaging.relay import Relay
from shared.worker import Worker, kept_running
from tests.simulation.broker import SimulatedTransport
from tests.simulation.databases import SimulatedDatabase
from tests.simulation.processes import Process
from tests.simulation.world import World

_DUE = """
SELECT (SELECT min(coalesce(claimed_until, '2000-01-01T00:00:00Z')) FROM outbox WHERE sent_at IS NULL),
  (SELECT min(greatest(due_at, leased_until)) FROM timers),
  (SELECT min(next_attempt_at) FROM stalled_events WHERE state = 'waiting')
"""
LOOK_AGAIN_SECONDS = 0.5
FOREVER_SECONDS = 1e9


def start_worker(
    process: Process,
    world: World,
    worker: Worker,
    database: SimulatedDatabase,
    owner: asyncpg.Connection,
    transport: SimulatedTransport,
) -> None:
    """Begin everything that happens without a request."""
    relay = Relay(worker.resources.engine, transport)
    timers, retries, changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    database.watchers.append(changed)
    process.on_death.append(lambda: database.watchers.remove(changed))

    async def watch() -> None:
        while True:
            changed.clear()
            await world.gate("looks for what is due")
            with world.loop.working():
                ((unsent_at, timer_at, retry_at),) = await owner.fetch(_DUE)
            now, wait = world.clock.now(), FOREVER_SECONDS
            for due_at, wake in ((unsent_at, relay._work), (timer_at, timers), (retry_at, retries)):
                if due_at is not None and due_at <= now:
                    wake.set()
                    wait = min(wait, LOOK_AGAIN_SECONDS)
                elif due_at is not None:
                    wait = min(wait, (due_at - now).total_seconds() + 0.001)
            try:
                async with asyncio.timeout(wait):
                    await changed.wait()
            except TimeoutError:
                continue

    parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("relay", relay.run),
        ("timers", _whenever(timers, worker.timer_loop.run_due)),
        ("retries", _whenever(retries, worker.retry_due)),
        ("watch", watch),
    ]
    parts += [(reaction.name, _consuming(worker, reaction, transport)) for reaction in worker.reactions]
    for name, run in parts:
        process.spawn(_part(name, run))


def _part(name: str, run: Callable[[], Awaitable[None]]) -> Coroutine[Any, Any, None]:
    return kept_running(name, run)


def _whenever(due: asyncio.Event, act: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        while True:
            await due.wait()
            due.clear()
            await act()

    return run


def _consuming(
    worker: Worker, reaction: Reaction, transport: SimulatedTransport
) -> Callable[[], Awaitable[None]]:
    consumer = Consumer(reaction, worker.resources.engine, worker.resources.clock)

    async def consume() -> None:
        await transport.bind(reaction.name, [type_.type for type_ in reaction.types])
        await transport.consume(reaction.name, consumer.handle)

    return consume
