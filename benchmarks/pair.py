"""`python -m benchmarks.pair relay|consumer`: a process that announces and relays, as a service's app does, or a consumer.

PAIR_DATABASE and PAIR_AMQP say where its books and the broker are. Both are told numbers on standard input: how many events
to announce in one transaction, which is answered once they are; how many to expect, which is answered with when they came.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from shared.clock import SystemClock
from shared.database import UnitOfWork, begin, create_engine
from shared.events.base import Event
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.reactions import Reaction, Reactions, Received
from shared.messaging.relay import Relay
from shared.messaging.transports.rabbitmq import RabbitMQTransport
from shared.process import run
from shared.worker import kept_running

SOURCE, SINK = "order", "analytics"
"""Whose users of the broker the two are."""
WORDS = "x" * 300


class Measured(Event):
    """Something that nobody else listens to happened."""

    type: ClassVar[str] = "benchmark.measured.v1"
    subject: ClassVar[str] = "measured_id"
    announced_by: ClassVar[str] = SOURCE

    measured_id: UUID
    words: str


class Arrivals:
    """How long after their announcement events were reacted to, the reaction's books included."""

    def __init__(self) -> None:
        self.lags_ms: list[float] = []
        self.last_at = 0.0
        reactions = Reactions(SINK)
        reactions.on_batch(Measured)(self.measured)
        self.reaction: Reaction = reactions.all[0]

    async def measured(self, work: UnitOfWork, received: Sequence[Received[Measured]]) -> None:
        """React to nothing but the clock."""
        occurred_at = [each.occurred_at.timestamp() for each in received]

        def note() -> None:
            self.last_at = time.time()
            self.lags_ms += [(self.last_at - each) * 1000 for each in occurred_at]

        work.after_commit(note)


async def relay() -> None:
    """Announce as told, and relay it, until ended."""
    transport = RabbitMQTransport(os.environ["PAIR_AMQP"], name="benchmark relay")
    engine = create_engine(os.environ["PAIR_DATABASE"], application_name="benchmark-relay")
    relaying = asyncio.create_task(kept_running("relay", Relay(engine, transport).run))
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        async with begin(engine) as work:
            events = [Measured(measured_id=new_id(), words=WORDS) for _ in range(int(line))]
            await work.outbox.add(*events, at=datetime.now(UTC))
        print("announced", flush=True)
    relaying.cancel()


async def consume() -> None:
    """Consume until ended; tell of each expected number of events once they have come."""
    transport = RabbitMQTransport(os.environ["PAIR_AMQP"], name="benchmark consumer")
    engine = create_engine(os.environ["PAIR_DATABASE"], application_name="benchmark-consumer")
    arrivals = Arrivals()
    reaction = arrivals.reaction
    consumer = Consumer(reaction, engine, SystemClock())
    await transport.bind(reaction.name, [Measured.type])
    consuming = asyncio.create_task(
        kept_running(reaction.name, lambda: transport.consume(reaction.name, consumer.handle))
    )
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        while len(arrivals.lags_ms) < int(line):
            await asyncio.sleep(0.002)
        print(json.dumps({"last_at": arrivals.last_at, "lags_ms": arrivals.lags_ms}), flush=True)
        arrivals.lags_ms = []
    consuming.cancel()


if __name__ == "__main__":
    run({"relay": relay, "consumer": consume}[sys.argv[1]]())
