"""A broker blocks those who publish, by its alarm, and closes on those who do not acknowledge (K4, K18; 4.C)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import monotonic

import pytest
import pytest_asyncio
from aio_pika.abc import AbstractIncomingMessage

from shared.backlog import backlog
from shared.database import UnitOfWork, reading
from shared.events import MemberRegistered
from shared.http.identity import Identity
from shared.ids import new_id
from shared.messaging.reactions import Received
from shared.messaging.transport import Delivery, TransportUnavailable
from shared.messaging.transports import rabbitmq
from tests.messaging.lines import Line, a_pack, a_service, until
from tests.messaging.own_broker import ACKNOWLEDGED_WITHIN_SECONDS, OwnBroker
from tests.support.kernel import kernel_database, kernel_engine


@pytest_asyncio.fixture(loop_scope="session")
async def line(own_broker: OwnBroker, identity: Identity) -> AsyncIterator[Line]:
    """A line over the broker that is these tests' own."""
    urls = await kernel_database()
    async with kernel_engine(urls) as engine:
        yield Line(engine=engine, identity=identity, amqp_url=own_broker.url, service=a_service())


async def test_while_the_brokers_alarm_blocks_publishers_events_wait_and_those_on_their_way_arrive(
    line: Line, own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More messages are on their way than a consumer is given at once: it gets them all only if its acks pass."""
    monkeypatch.setattr(rabbitmq, "CONFIRM_SECONDS", 1.0)
    monkeypatch.setattr(rabbitmq, "CONNECT_SECONDS", 2.0)
    blocked = asyncio.Event()

    async def react(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        await blocked.wait()

    transport = line.transport()
    async with line.working(line.reaction(react), transport=transport) as worker:
        on_their_way = [new_id() for _ in range(3 * rabbitmq.PREFETCH)]
        assert await transport.publish([a_pack(id_) for id_ in on_their_way]) == [True] * len(on_their_way)
        async with own_broker.blocking_publishers():
            waiting = await line.announce(60)
            asked = monotonic()
            with pytest.raises(TransportUnavailable):
                await transport.publish([a_pack(new_id())])
            assert monotonic() - asked < 3
            blocked.set()
            await line.applied_once(on_their_way)
            assert await line.unsent() == 60
            async with reading(line.engine) as connection:
                found = await backlog(connection, at=worker.resources.clock.now())
            assert found.unsent_events == 60
            assert found.oldest_unsent_seconds > 0
        free = monotonic()
        await line.all_sent()
        assert monotonic() - free < 5
        tried_in_vain = set(await line.effects()) - set(on_their_way) - set(waiting)
        assert len(tried_in_vain) <= 1
        await line.applied_once([*on_their_way, *waiting, *tried_in_vain])
    assert await line.stalled() == []


async def test_a_consumer_that_acknowledges_too_late_is_rebuilt_and_its_event_takes_effect_once(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Delivery] = []
    consumers: set[object] = set()
    deliveries = rabbitmq._Consumer.deliveries

    def noting(consumer: rabbitmq._Consumer, batch: Sequence[AbstractIncomingMessage]) -> list[Delivery]:
        found = deliveries(consumer, batch)
        came.extend(found)
        consumers.add(consumer)
        return found

    monkeypatch.setattr(rabbitmq._Consumer, "deliveries", noting)

    async def react(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        if len(came) == 1:
            await asyncio.sleep(ACKNOWLEDGED_WITHIN_SECONDS + 1.5)

    async with line.working(line.reaction(react)):
        ids = await line.announce(1)

        async def came_again() -> bool:
            return len(came) > 1

        await until(came_again)
        ids += await line.announce(1)
        await line.applied_once(ids)
    assert [each.redelivered for each in came] == [False, True, False]
    assert came[0].body == came[1].body
    assert len(consumers) == 2
    assert await line.stalled() == []
