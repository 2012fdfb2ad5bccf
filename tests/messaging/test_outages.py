"""The broker or the database goes away in the middle, and nothing is lost or counted wrongly (P12, K17, K18; 4.C, 4.D)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import aio_pika
import pytest
from sqlalchemy import text

from shared.database import UnitOfWork, create_engine
from shared.events import MemberRegistered
from shared.ids import new_id
from shared.messaging import consumer as consumer_module
from shared.messaging.reactions import Received
from shared.messaging.transport import TransportUnavailable
from shared.messaging.transports import rabbitmq
from tests.messaging.lines import TYPE, Line, a_delivery, a_pack, consumer, name_of, nothing, until
from tests.support.proxy import Wire, wire_to

on_rabbitmq = pytest.mark.parametrize("transport_kind", ["rabbitmq"])


@asynccontextmanager
async def database_behind_a_wire(line: Line) -> AsyncIterator[tuple[Wire, Line]]:
    """The same line with its database behind a wire; the test itself looks past the wire."""
    async with wire_to(line.engine.url.render_as_string(hide_password=False)) as wire:
        engine = create_engine(wire.url, application_name="wired")
        try:
            yield wire, line.over(engine=engine)
        finally:
            await engine.dispose()


@on_rabbitmq
async def test_events_wait_for_a_broker_that_is_away_and_go_on_within_five_seconds(line: Line) -> None:
    assert line.amqp_url is not None
    async with wire_to(line.amqp_url) as wire:
        wired = line.over(amqp_url=wire.url)
        async with wired.working(line.reaction(nothing)):
            ids = await line.announce(20)
            await line.applied_once(ids)
            await wire.cut()
            ids += await line.announce(700)
            await asyncio.sleep(2)
            assert await line.unsent() == 700
            await wire.mend()
            back = monotonic()
            await line.applied_once(ids, seconds=10)
            assert monotonic() - back < 5
            await line.all_sent()
    assert await line.stalled() == []


@on_rabbitmq
async def test_a_connection_cut_in_the_middle_again_and_again_loses_nothing(line: Line) -> None:
    assert line.amqp_url is not None
    async with wire_to(line.amqp_url) as wire:
        wired = line.over(amqp_url=wire.url)
        ids = []
        async with wired.working(line.reaction(nothing)):
            for _ in range(4):
                ids += await line.announce(300)
                await asyncio.sleep(0.15)
                await wire.cut()
                await wire.mend()
            await line.applied_once(ids, seconds=30)
            await line.all_sent()
    assert await line.stalled() == []


@on_rabbitmq
async def test_a_worker_stops_in_time_while_the_broker_is_away(line: Line) -> None:
    assert line.amqp_url is not None
    async with wire_to(line.amqp_url) as wire:
        wired = line.over(amqp_url=wire.url)
        async with wired.working(line.reaction(nothing)):
            await line.applied_once(await line.announce(1))
            await wire.cut()
            await line.announce(1)
            await asyncio.sleep(0.5)
            stopping = monotonic()
    assert monotonic() - stopping < 8


@on_rabbitmq
async def test_a_transport_closed_while_publishing_confirms_nothing_it_cannot_know(line: Line) -> None:
    transport = line.transport()
    await transport.bind(f"{line.service}.react", [TYPE])

    async def close_soon() -> None:
        await asyncio.sleep(0.02)
        await transport.close()

    outcome, _ = await asyncio.gather(
        transport.publish([a_pack(new_id()) for _ in range(500)]), close_soon(), return_exceptions=True
    )
    assert isinstance(outcome, TransportUnavailable) or (
        isinstance(outcome, list) and set(outcome) <= {True, False}
    )


@on_rabbitmq
async def test_publishing_without_a_broker_says_so(line: Line) -> None:
    async with wire_to("amqp://nobody:secret@127.0.0.1:1/jishi") as wire:
        await wire.cut()
        transport = line.over(amqp_url=wire.url).transport()
        with pytest.raises(TransportUnavailable):
            await transport.publish([a_pack(new_id())])
        with pytest.raises(TransportUnavailable):
            await transport.bind("q", [TYPE])
        await transport.close()


@on_rabbitmq
async def test_a_consumer_whose_queue_was_deleted_makes_it_again(line: Line) -> None:
    assert line.amqp_url is not None
    reaction = line.reaction(nothing)
    async with line.working(reaction):
        ids = await line.announce(2)
        await line.applied_once(ids)
        async with await aio_pika.connect(line.amqp_url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(name_of(reaction))
        ids += await line.announce(2)
        await line.applied_once(ids, seconds=10)


@on_rabbitmq
async def test_a_consumer_that_the_broker_forgot_silently_is_rebuilt(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K18: nothing tells the client; only asking the broker does."""
    monkeypatch.setattr(rabbitmq, "WATCH_SECONDS", 0.3)
    reaction = line.reaction(nothing)
    tags: list[tuple[rabbitmq._Consumer, str]] = []
    start = rabbitmq._Consumer.start

    async def starting(consumer: rabbitmq._Consumer) -> None:
        await start(consumer)
        tags.append((consumer, consumer._tags[0]))

    monkeypatch.setattr(rabbitmq._Consumer, "start", starting)
    async with line.working(reaction):
        ids = await line.announce(1)
        await line.applied_once(ids)
        [(first, tag)] = tags
        underlay = await first._channel.get_underlay_channel()
        await underlay.basic_cancel(tag)
        ids += await line.announce(1)
        await line.applied_once(ids, seconds=10)
    assert len(tags) == 2


async def test_a_database_that_is_away_during_handling_is_waited_for_and_nothing_is_counted(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.1)
    async with database_behind_a_wire(line) as (wire, wired):
        tries = 0

        async def react(work: UnitOfWork, _: Received[MemberRegistered]) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                await wire.cut()
            await work.connection.execute(text("SELECT 1"))

        async with wired.working(wired.reaction(react)):
            ids = await line.announce(1)

            async def was_tried() -> bool:
                return tries >= 1

            await until(was_tried)
            await asyncio.sleep(1)
            assert await line.effects() == {}
            await wire.mend()
            await line.applied_once(ids)
            await line.all_sent()
            assert await line.stalled() == []


async def test_an_outage_of_the_database_is_not_the_events_fault_however_often_it_comes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.05)
    async with database_behind_a_wire(line) as (wire, wired):
        tries = 0
        mending: list[asyncio.Task[None]] = []

        async def react(work: UnitOfWork, _: Received[MemberRegistered]) -> None:
            nonlocal tries
            tries += 1
            if tries <= 5:
                await wire.cut()
                mending.append(asyncio.create_task(wire.mend(after_seconds=0.1)))
            await work.connection.execute(text("SELECT 1"))

        id_ = new_id()
        await consumer(wired, wired.reaction(react)).handle([a_delivery(id_)])
    assert tries == 6
    assert await line.effects() == {id_: 1}
    assert await line.stalled() == []


async def test_an_event_that_breaks_its_connection_every_time_is_at_fault_after_all(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.01)

    async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        if received.event.scene == "poison":
            await work.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    bad, good = new_id(), new_id()
    await consumer(line, line.reaction(react)).handle([a_delivery(bad, scene="poison"), a_delivery(good)])
    assert await line.effects() == {good: 1}
    assert [(id_, state) for id_, state, _, _ in await line.stalled()] == [(bad, "waiting")]


async def test_a_relay_goes_on_after_its_database_was_away(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("shared.messaging.relay.LEASE_SECONDS", 1)
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.1)
    async with database_behind_a_wire(line) as (wire, wired), wired.working(wired.reaction(nothing)):
        ids = await line.announce(5)
        await line.applied_once(ids)
        await wire.cut()
        ids += await line.announce(5)
        await asyncio.sleep(0.5)
        await wire.mend()
        await line.applied_once(ids)
        await line.all_sent()
    assert await line.stalled() == []
