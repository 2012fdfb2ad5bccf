"""The wires pass everything on, know what is in flight, and cut where they are told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aio_pika
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from chaos.proxies.postgres import CommitCut, PostgresWire
from chaos.proxies.rabbitmq import AckCut, RabbitMQWire
from shared.database import begin, create_engine
from shared.ids import new_id
from tests.support.servers import PostgresServer

PORT = 17_000


@asynccontextmanager
async def database_behind_a_wire(
    postgres_server: PostgresServer,
) -> AsyncIterator[tuple[PostgresWire, AsyncEngine]]:
    """A database with one table, reached through a wire as the process 4711 of a service."""
    urls = postgres_server.create_database(f"wire_{new_id().hex[-12:]}")
    wire = PostgresWire(server_port=lambda: make_url(urls.owner).port or 0)
    port = await wire.wire.listen(PORT)
    url = make_url(urls.owner).set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    engine = create_engine(url, application_name="jishi-order-host-4711")
    async with begin(engine) as work:
        await work.connection.execute(text("CREATE TABLE things (id integer PRIMARY KEY)"))
    yield wire, engine
    await engine.dispose()
    await wire.wire.close()


async def insert(engine: AsyncEngine, number: int) -> None:
    async with begin(engine) as work:
        await work.connection.execute(text("INSERT INTO things VALUES (:number)"), {"number": number})


async def things(engine: AsyncEngine) -> list[int]:
    async with begin(engine) as work:
        return list((await work.connection.execute(text("SELECT id FROM things ORDER BY id"))).scalars())


async def test_a_commit_cut_before_it_arrives_leaves_nothing(postgres_server: PostgresServer) -> None:
    async with database_behind_a_wire(postgres_server) as (wire, engine):
        wire.cuts.armed.append(CommitCut.BEFORE)
        with pytest.raises(DBAPIError):
            await insert(engine, 1)
        await insert(engine, 2)
        assert await things(engine) == [2]
        assert (wire.cuts.armed, wire.cuts.done) == ([], [CommitCut.BEFORE])


async def test_a_commit_cut_after_it_arrived_is_there_although_nobody_was_told(
    postgres_server: PostgresServer,
) -> None:
    async with database_behind_a_wire(postgres_server) as (wire, engine):
        wire.cuts.armed.append(CommitCut.AFTER)
        with pytest.raises(DBAPIError):
            await insert(engine, 1)
        assert await things(engine) == [1]
        assert wire.cuts.done == [CommitCut.AFTER]


async def test_a_commit_that_is_unheard_is_there_although_its_client_waits_for_ever(
    postgres_server: PostgresServer,
) -> None:
    async with database_behind_a_wire(postgres_server) as (wire, engine):
        wire.cuts.armed.append(CommitCut.UNHEARD)
        inserting = asyncio.create_task(insert(engine, 1))
        await eventually(lambda: wire.cuts.done == [CommitCut.UNHEARD])
        await asyncio.sleep(0.1)
        assert not inserting.done()
        assert await things(engine) == [1]
        wire.wire.cut()
        with pytest.raises(DBAPIError):
            await inserting


async def test_a_wire_knows_which_process_is_in_a_transaction(postgres_server: PostgresServer) -> None:
    async with database_behind_a_wire(postgres_server) as (wire, engine):
        assert wire.busy(4711) == 0
        async with begin(engine) as work:
            await work.connection.execute(text("INSERT INTO things VALUES (1)"))
            assert (wire.busy(4711), wire.busy(4712), wire.busy()) == (1, 0, 1)
        assert wire.busy(4711) == 0


@asynccontextmanager
async def broker_behind_a_wire(url: str) -> AsyncIterator[tuple[RabbitMQWire, str]]:
    parts = urlsplit(url)
    wire = RabbitMQWire(server_port=lambda: parts.port or 0)
    port = await wire.wire.listen(PORT)
    yield wire, url.replace(f":{parts.port}", f":{port}")
    await wire.wire.close()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_acknowledgement_that_is_cut_makes_the_message_come_again(rabbitmq_url: str) -> None:
    async with broker_behind_a_wire(rabbitmq_url) as (wire, url):
        name = f"wire-{new_id().hex}"
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(name, durable=True)
            for number in range(3):
                await channel.default_exchange.publish(aio_pika.Message(b"%d" % number), name)
            got: list[aio_pika.abc.AbstractIncomingMessage] = []
            await queue.consume(_into(got))
            await eventually(lambda: len(got) == 3)
            assert (wire.unacknowledged(), wire.traffic.delivered, wire.traffic.redelivered) == (3, 3, 0)
            await got[0].ack()
            await eventually(lambda: wire.unacknowledged() == 2)
            wire.traffic.armed.append(AckCut.ACK)
            await got[2].ack(multiple=True)
            await eventually(lambda: wire.traffic.done == [AckCut.ACK])
        async with await aio_pika.connect(url) as connection:
            queue = await (await connection.channel()).get_queue(name)
            again: list[aio_pika.abc.AbstractIncomingMessage] = []
            await queue.consume(_into(again))
            await eventually(lambda: len(again) == 2)
            assert [message.body for message in again] == [b"1", b"2"]
            assert wire.traffic.redelivered == 2
            assert wire.traffic.queues == {name}
            await queue.delete(if_unused=False, if_empty=False)


async def test_a_confirm_that_is_cut_is_not_heard_although_the_message_is_there(rabbitmq_url: str) -> None:
    async with broker_behind_a_wire(rabbitmq_url) as (wire, url):
        name = f"wire-{new_id().hex}"
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue(name, durable=True)
            wire.traffic.armed.append(AckCut.CONFIRM)
            with pytest.raises((aio_pika.exceptions.AMQPError, asyncio.TimeoutError, RuntimeError)):
                await channel.default_exchange.publish(aio_pika.Message(b"x"), name, timeout=5)
        async with await aio_pika.connect(url) as connection:
            queue = await (await connection.channel()).declare_queue(name, passive=True)
            assert queue.declaration_result.message_count == 1
            await queue.delete(if_empty=False)


def _into(
    messages: list[aio_pika.abc.AbstractIncomingMessage],
) -> Callable[[aio_pika.abc.AbstractIncomingMessage], Awaitable[None]]:
    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        messages.append(message)

    return take
