"""A broker that keeps what it was given, and otherwise does what brokers do: double, reorder, lose confirms, redeliver."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.messaging.transport import Delivery, Handler, Pack, TransportUnavailable
from tests.simulation.processes import current
from tests.simulation.world import World

BATCH = 20


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One pack in a queue; `redelivered` once it was handed out before."""

    type: str
    body: bytes
    redelivered: bool


class Broker:
    """Durable queues: what was confirmed is delivered until it is acknowledged.

    `heard` are the events that came through, for somebody who listens to all of them as the analytics service does.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.queues: defaultdict[str, list[Message]] = defaultdict(list)
        self.bindings: defaultdict[str, set[str]] = defaultdict(set)
        self.heard: set[UUID] = set()
        self._arrivals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def put(self, queue: str, message: Message) -> None:
        """Keep a message, anywhere in the queue."""
        waiting = self.queues[queue]
        is_late = self.world.happens(self.world.faults.double)
        waiting.insert(self.world.dice.randint(0, len(waiting)) if is_late else len(waiting), message)
        self._arrivals[queue].set()

    async def take(self, queue: str) -> list[Message]:
        """Hand out a batch once there is something."""
        while not self.queues[queue]:
            self._arrivals[queue].clear()
            await self._arrivals[queue].wait()
        most = self.world.dice.randint(1, BATCH)
        batch, self.queues[queue] = self.queues[queue][:most], self.queues[queue][most:]
        return batch


class SimulatedTransport:
    """One process's way to the broker."""

    exclusive = False

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._world = broker.world

    async def bind(self, queue: str, types: Collection[str]) -> None:
        for type_ in types:
            self._broker.bindings[type_].add(queue)

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        await self._world.gate("connects to publish")
        if self._world.happens(self._world.faults.refuse):
            raise TransportUnavailable("the broker is away")
        return [await self._publish(pack) for pack in packs]

    async def _publish(self, pack: Pack) -> bool:
        await self._world.gate(f"publishes {pack.type}")
        if self._world.happens(self._world.faults.lose_call):
            return False
        self._broker.heard |= set(pack.event_ids)
        for queue in sorted(self._broker.bindings[pack.type]):
            for _ in range(1 + self._world.happens(self._world.faults.double)):
                self._broker.put(queue, Message(pack.type, pack.body, pack.redelivered))
        self._world.note(f"published {pack.type} of {len(pack.event_ids)}")
        await self._world.gate(f"is confirmed {pack.type}")
        return not self._world.happens(self._world.faults.lose_answer)

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        while True:
            batch = await self._broker.take(queue)
            unacknowledged = _Unacknowledged(self._broker, queue, batch)
            current().on_death.append(unacknowledged.come_back)
            await self._world.gate(f"{queue} gets {len(batch)}")
            try:
                await handler([Delivery(each.type, each.body, each.redelivered) for each in batch])
            except Exception as error:
                self._world.note(f"{queue} failed: {error!r}")
                unacknowledged.come_back()
                await asyncio.sleep(2.0)
                continue
            await self._world.gate(f"{queue} acknowledges {len(batch)}")
            if self._world.happens(self._world.faults.lose_answer):
                self._world.note(f"{queue}: the acknowledgement is lost")
                unacknowledged.come_back()
            unacknowledged.forget()

    async def close(self) -> None:
        return


class _Unacknowledged:
    """A batch in a consumer's hands, which comes back should that die."""

    def __init__(self, broker: Broker, queue: str, batch: Sequence[Message]) -> None:
        self._broker, self._queue, self._batch = broker, queue, list(batch)

    def come_back(self) -> None:
        """Into the queue again, marked as redelivered."""
        for message in self._batch:
            self._broker.put(self._queue, Message(message.type, message.body, True))
        self.forget()

    def forget(self) -> None:
        """They are the consumer's for good."""
        self._batch.clear()
