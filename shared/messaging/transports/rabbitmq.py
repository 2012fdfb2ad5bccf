"""Events over RabbitMQ: one topic exchange, a quorum queue per reaction, confirms before anything counts as sent (K4–K6).

aio-pika's own reconnecting is not trusted (K18): a lost connection ends ``publish`` and ``consume`` with
TransportUnavailable, and whoever runs them starts again. Its client fails with anything, even a bare Exception, so
whatever it raises means that.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from pamqp.common import FieldTable

from shared.finishing import STOP_SECONDS, finish
from shared.messaging.transport import Delivery, Handler, Pack, TransportUnavailable

log = logging.getLogger(__name__)

EXCHANGE = "jishi.events"
DEAD_LETTERS = "jishi.dead-letters"
PREFETCH = 32
BATCH = 20
CONFIRM_SECONDS = 5.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 15.0
PAUSE_SECONDS = 2.0

GRAVEYARD_ARGUMENTS: FieldTable = {"x-queue-type": "quorum"}


class RabbitMQTransport:
    """A process's two connections to the broker; ``exchange`` is where all events of the shop are announced.

    A broker in alarm (memory, disk) reads no more from a connection that publishes. So what is heard, and the
    acknowledgements that let the broker breathe again, go over a connection that never does.
    """

    exclusive = False

    def __init__(self, url: str, *, name: str, exchange: str = EXCHANGE) -> None:
        self._announcing = _Connection(url, name=f"{name} announcing")
        self._hearing = _Connection(url, name=f"{name} hearing")
        self._exchange_name = exchange
        self._door: _Door | None = None
        self._lock = asyncio.Lock()

    async def bind(self, queue: str, types: Collection[str]) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS), await self._channel_of_its_own() as channel:
                exchange = await self._declare_exchange(channel)
                dead = await channel.declare_exchange(
                    DEAD_LETTERS, aio_pika.ExchangeType.DIRECT, durable=True
                )
                graveyard = await channel.declare_queue(
                    graveyard_of(queue), durable=True, arguments=GRAVEYARD_ARGUMENTS
                )
                await graveyard.bind(dead, queue)
                declared = await channel.declare_queue(queue, durable=True, arguments=queue_arguments(queue))
                for type_ in types:
                    await declared.bind(exchange, type_)
        except Exception as error:
            raise TransportUnavailable(repr(error)) from error

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                exchange = await self._publishing()
        except Exception as error:
            raise TransportUnavailable(repr(error)) from error
        outcomes = await asyncio.gather(*(_publish(exchange, pack) for pack in packs), return_exceptions=True)
        if packs and all(isinstance(outcome, TimeoutError) for outcome in outcomes):
            raise TransportUnavailable("the broker confirms nothing")
        return [
            outcome is None for outcome in outcomes
        ]  # or returned as unroutable, refused, not confirmed in time

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        try:
            async with self._consumer(queue) as consumer:
                while True:
                    batch = await consumer.next_batch(linger_seconds)
                    await finish(
                        _handle(queue, batch, consumer.deliveries(batch), handler), seconds=STOP_SECONDS
                    )
        except Exception as error:
            raise TransportUnavailable(repr(error)) from error

    @contextlib.asynccontextmanager
    async def _consumer(self, queue: str) -> AsyncIterator["_Consumer"]:
        async with asyncio.timeout(CONNECT_SECONDS):
            consumer = _Consumer(await self._channel_of_its_own(), queue)
        try:
            await consumer.start()
            yield consumer
        finally:
            with contextlib.suppress(Exception):
                await consumer.stop()

    async def close(self) -> None:
        await asyncio.gather(self._announcing.close(), self._hearing.close())

    async def _channel_of_its_own(self) -> AbstractChannel:
        return await (await self._hearing.opened()).channel(publisher_confirms=False)

    async def _publishing(self) -> AbstractExchange:
        """Where to publish, once the broker takes it: while its alarm blocks us nothing is piled up for it."""
        async with self._lock:
            if self._door is None or not self._door.is_open:
                connection = await self._announcing.opened()
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                self._door = _Door(connection, channel, await self._declare_exchange(channel))
        await self._door.unblocked()
        return self._door.exchange

    async def _declare_exchange(self, channel: AbstractChannel) -> AbstractExchange:
        return await channel.declare_exchange(self._exchange_name, aio_pika.ExchangeType.TOPIC, durable=True)


class _Connection:
    """One connection, made when it is first needed and again when it was lost."""

    def __init__(self, url: str, *, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: AbstractConnection | None = None
        self._lock = asyncio.Lock()

    async def opened(self) -> AbstractConnection:
        async with self._lock:
            # `is_closed` only tells whether we closed it; a lost connection is one that is no longer connected.
            if self._connection is None or not self._connection.connected.is_set():
                self._connection = await aio_pika.connect(
                    self._url,
                    timeout=CONNECT_SECONDS,
                    client_properties={"connection_name": self._name},
                    heartbeat=15,
                )
            return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await self._connection.close()


@dataclass(frozen=True, slots=True)
class _Door:
    """Where events are announced on one connection."""

    connection: AbstractConnection
    channel: AbstractChannel
    exchange: AbstractExchange

    @property
    def is_open(self) -> bool:
        return self.connection.connected.is_set() and not self.channel.is_closed

    async def unblocked(self) -> None:
        """Wait until the broker reads what we publish."""
        if self.connection.transport is not None:
            await self.connection.transport.ready()


class _Consumer:
    """One consumer on a channel of its own, and the messages it was sent; None among them once no more will come."""

    def __init__(self, channel: AbstractChannel, queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._tags: list[str] = []
        self._waiting: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        channel.close_callbacks.add(self._closed)

    async def start(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._channel.set_qos(prefetch_count=PREFETCH)
            underlay = await self._channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(self._closed)
            for name in (self._queue, graveyard_of(self._queue)):
                source = await self._channel.get_queue(name)
                self._tags.append(await source.consume(self._waiting.put))

    async def stop(self) -> None:
        """Stop the flow first, then close: closing with deliveries under way may take the connection down."""
        if not self._channel.is_closed:
            async with asyncio.timeout(CONFIRM_SECONDS):
                underlay = await self._channel.get_underlay_channel()
                for tag in self._tags:
                    await underlay.basic_cancel(tag)
                await self._channel.close()

    async def next_batch(self, linger_seconds: float) -> list[AbstractIncomingMessage]:
        """Wait for messages; raises when the channel closed, or when the broker forgot this consumer (K18)."""
        batch = [await self._first()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(linger_seconds):
                while len(batch) < BATCH and (linger_seconds or not self._waiting.empty()):
                    batch.append(_living(await self._waiting.get()))
        return batch

    async def _first(self) -> AbstractIncomingMessage:
        while True:
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    return _living(await self._waiting.get())
            except TimeoutError:
                await self._check()

    def deliveries(self, batch: Sequence[AbstractIncomingMessage]) -> list[Delivery]:
        """What the messages are to a reaction; those of the second tag are the queue's dead letters."""
        dead = self._tags[-1]
        return [
            Delivery(
                str(message.type or message.routing_key),
                message.body,
                redelivered=bool(message.redelivered),
                is_dead=message.consumer_tag == dead,
            )
            for message in batch
        ]

    async def _check(self) -> None:
        async with asyncio.timeout(CONFIRM_SECONDS):
            underlay = await self._channel.get_underlay_channel()
            listed = await underlay.queue_declare(self._queue, passive=True)
        if not listed.consumer_count:
            raise ConnectionError("the broker no longer knows this consumer")

    def _closed(self, *_: object) -> None:
        self._waiting.put_nowait(None)


def _living(message: AbstractIncomingMessage | None) -> AbstractIncomingMessage:
    if message is None:
        raise ConnectionError("the channel was closed, or the broker cancelled the consumer")
    return message


async def _publish(exchange: AbstractExchange, pack: Pack) -> None:
    message = aio_pika.Message(
        pack.body,
        content_type="application/cloudevents-batch+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        type=pack.type,
    )
    await exchange.publish(message, pack.type, mandatory=True, timeout=CONFIRM_SECONDS)


async def _handle(
    queue: str, batch: Sequence[AbstractIncomingMessage], deliveries: Sequence[Delivery], handler: Handler
) -> None:
    try:
        await handler(deliveries)
    except Exception:
        log.exception("reaction failed", extra={"queue": queue})
        await asyncio.sleep(PAUSE_SECONDS)
        await batch[-1].nack(multiple=True, requeue=True)
    else:
        await batch[-1].ack(multiple=True)


def graveyard_of(queue: str) -> str:
    """The queue of what the broker gave up on: its reaction parks it, where operators see it (K6)."""
    return f"{queue}.dead"


def queue_arguments(queue: str) -> FieldTable:
    """A reaction's queue: quorum, and never dropping: the broker's own delivery limit is a backstop only (K6)."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": 1000,
        "x-dead-letter-exchange": DEAD_LETTERS,
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
