"""A line from an outbox over one transport to reactions, for the tests that hold for every transport."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import SystemClock
from shared.database import UnitOfWork, begin
from shared.events import MemberRegistered
from shared.http.identity import Identity
from shared.http.services import LocalExchange, Services
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.reactions import Reaction, Reactions, Received
from shared.messaging.transport import Delivery, Pack, Transport
from shared.messaging.transports.local import LocalTransport
from shared.messaging.transports.rabbitmq import RabbitMQTransport
from shared.resources import Resources
from shared.worker import Worker

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
TYPE = MemberRegistered.type

Handle = Callable[[UnitOfWork, Received[MemberRegistered]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One database, one exchange of its own, and the names of its queues."""

    engine: AsyncEngine
    identity: Identity
    amqp_url: str | None
    service: str

    @property
    def is_rabbitmq(self) -> bool:
        return self.amqp_url is not None

    def transport(self) -> Transport:
        """A connection of a new process."""
        if self.amqp_url is None:
            return LocalTransport()
        return RabbitMQTransport(self.amqp_url, name=self.service, exchange=f"{self.service}.events")

    def reaction(self, handle: Handle, *, name: str = "react") -> Reactions:
        """One reaction of this line's service: `handle`, and a row in `effects` for each time it was done."""
        reactions = Reactions(self.service)

        async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
            await handle(work, received)
            await work.connection.execute(
                text("INSERT INTO effects (reaction, event_id) VALUES (:reaction, :event_id)"),
                {"reaction": name, "event_id": received.id},
            )

        react.__name__ = name
        reactions.on(MemberRegistered)(react)
        return reactions

    def worker(self, transport: Transport, *reactions: Reactions) -> Worker:
        """A worker of this line's service."""
        resources = Resources(
            name=self.service,
            engine=self.engine,
            clock=SystemClock(),
            identity=self.identity,
            services=Services(self.identity, LocalExchange({})),
        )
        return Worker(resources, transport, reactions=reactions)

    @asynccontextmanager
    async def working(
        self, *reactions: Reactions, transport: Transport | None = None
    ) -> AsyncIterator[Worker]:
        """A process with a worker, from its start to its end in good order."""
        transport = transport or self.transport()
        worker = self.worker(transport, *reactions)
        await worker.bind()
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await transport.close()

    async def announce(self, count: int = 1, *, scene: str | None = None) -> list[UUID]:
        """Announce some registrations in one transaction; returns the events' ids."""
        async with begin(self.engine) as work:
            return await work.outbox.add(*(registered(scene) for _ in range(count)), at=AT)

    async def effects(self, reaction: str = "react") -> Counter[UUID]:
        """How often each event took effect."""
        rows = await self.rows("SELECT event_id FROM effects WHERE reaction = :reaction", reaction=reaction)
        return Counter(row[0] for row in rows)

    async def stalled(self) -> list[tuple[UUID, str, int, str | None]]:
        """The stalled events: id, state, attempts, reason."""
        return [
            tuple(row)
            for row in await self.rows(
                "SELECT event_id, state, attempts, reason FROM stalled_events ORDER BY event_id"
            )
        ]

    async def unsent(self) -> int:
        return int((await self.rows("SELECT count(*) FROM outbox WHERE sent_at IS NULL"))[0][0])

    async def hurry(self) -> None:
        """Let the time of every waiting event come now."""
        await self.execute("UPDATE stalled_events SET next_attempt_at = now() WHERE state = 'waiting'")

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(query), parameters))

    async def execute(self, statement: str, **parameters: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def applied_once(
        self, ids: Iterable[UUID], *, reaction: str = "react", seconds: float = 15
    ) -> None:
        """Wait until each of these events, and nothing else, took effect exactly once."""
        expected = Counter(ids)

        async def are_applied() -> bool:
            return await self.effects(reaction) == expected

        await until(are_applied, seconds=seconds)

    async def all_sent(self, *, seconds: float = 15) -> None:
        async def are_sent() -> bool:
            return await self.unsent() == 0

        await until(are_sent, seconds=seconds)

    def over(self, *, engine: AsyncEngine | None = None, amqp_url: str | None = None) -> "Line":
        """The same line, reached another way."""
        return replace(self, engine=engine or self.engine, amqp_url=amqp_url or self.amqp_url)


def registered(scene: str | None = None) -> MemberRegistered:
    return MemberRegistered(member_id=new_id(), scene=scene, registered_at=AT)


async def nothing(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
    """A reaction with no more than its row in `effects`."""


def a_pack(*ids: UUID, scene: str | None = None, redelivered: bool = False) -> Pack:
    """A message with these events."""
    envelopes = ",".join(encode(registered(scene), id=id_, at=AT) for id_ in ids)
    return Pack(TYPE, f"[{envelopes}]".encode(), ids, redelivered)


def a_delivery(*ids: UUID, scene: str | None = None, redelivered: bool = False) -> Delivery:
    """A message with these events, as a consumer gets it."""
    return Delivery(TYPE, a_pack(*ids, scene=scene).body, redelivered)


def consumer(line: Line, reactions: Reactions) -> Consumer:
    [reaction] = reactions.all
    return Consumer(reaction, line.engine, SystemClock())


def name_of(reactions: Reactions) -> str:
    [reaction] = reactions.all
    assert isinstance(reaction, Reaction)
    return reaction.name


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 15) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise AssertionError(f"{condition.__qualname__} did not come true in {seconds} s") from error


def a_service() -> str:
    """A service name of a test's own, so that tests beside each other share no queue."""
    return f"t{uuid.uuid4().hex[:10]}"
