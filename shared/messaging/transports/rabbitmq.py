"""Events over RabbitMQ: one topic exchange, a quorum queue per reaction, confirms before anything counts as sent (K4–K6).

aio-pika's own reconnecting is not trusted (K18): a lost connection ends ``publish`` and ``consume`` with
TransportUnavailable, and whoever runs them starts again.
"""

import asyncio
from collections.abc import Collection, Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aiormq.exceptions import AMQPError
from pamqp.common import FieldTable

from shared.messaging.transport import Delivery, Handler, Pack, TransportUnavailable

EXCHANGE = "jishi.events"
DEAD_LETTERS = "jishi.dead-letters"
PREFETCH = 32
BATCH = 20
CONFIRM_SECONDS = 5.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 5.0
PAUSE_SECONDS = 2.0

GRAVEYARD_ARGUMENTS: FieldTable = {"x-queue-type": "quorum"}

_FAILURES = (AMQPError, OSError, TimeoutError, RuntimeError)


class RabbitMQTransport:
    """One connection of one process to the broker."""

    exclusive = False

    def __init__(self, url: str, *, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._lock = asyncio.Lock()

    async def bind(self, queue: str, types: Collection[str]) -> None:
        try:
            connection = await self._connected()
            channel = await connection.channel()
            async with channel:
                exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
                dead = await channel.declare_exchange(
                    DEAD_LETTERS, aio_pika.ExchangeType.DIRECT, durable=True
                )
                graveyard = await channel.declare_queue(
                    f"{queue}.dead", durable=True, arguments=GRAVEYARD_ARGUMENTS
                )
                await graveyard.bind(dead, queue)
                declared = await channel.declare_queue(queue, durable=True, arguments=queue_arguments(queue))
                for type_ in types:
                    await declared.bind(exchange, type_)
        except _FAILURES as error:
            raise TransportUnavailable(repr(error)) from error

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        try:
            exchange = await self._publishing()
        except _FAILURES as error:
            raise TransportUnavailable(repr(error)) from error
        return list(await asyncio.gather(*(self._publish(exchange, pack) for pack in packs)))

    async def _publish(self, exchange: AbstractExchange, pack: Pack) -> bool:
        message = aio_pika.Message(
            pack.body,
            content_type="application/cloudevents-batch+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            type=pack.type,
        )
        try:
            await exchange.publish(message, pack.type, mandatory=True, timeout=CONFIRM_SECONDS)
        except _FAILURES:
            return False  # returned as unroutable, refused, or not confirmed in time
        return True

    async def consume(self, queue: str, handler: Handler) -> None:
        waiting: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        try:
            channel = await (await self._connected()).channel(publisher_confirms=False)
            await channel.set_qos(prefetch_count=PREFETCH)
            source = await channel.get_queue(queue)
            tag = await source.consume(waiting.put)
        except _FAILURES as error:
            raise TransportUnavailable(repr(error)) from error
        try:
            while True:
                batch = await self._next_batch(waiting, channel)
                try:
                    await self._handle(batch, handler)
                except _FAILURES as error:
                    raise TransportUnavailable(repr(error)) from error
        finally:
            # Stop the flow first, then close: closing with deliveries under way may take the connection down.
            if not channel.is_closed:
                await asyncio.wait_for(source.cancel(tag), CONFIRM_SECONDS)
                await asyncio.wait_for(channel.close(), CONFIRM_SECONDS)

    async def _next_batch(
        self, waiting: "asyncio.Queue[AbstractIncomingMessage]", channel: AbstractChannel
    ) -> list[AbstractIncomingMessage]:
        while True:
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    batch = [await waiting.get()]
                break
            except TimeoutError:
                if channel.is_closed:
                    raise TransportUnavailable("the channel was closed") from None
        while len(batch) < BATCH and not waiting.empty():
            batch.append(waiting.get_nowait())
        return batch

    async def _handle(self, batch: Sequence[AbstractIncomingMessage], handler: Handler) -> None:
        deliveries = [
            Delivery(message.routing_key or "", message.body, bool(message.redelivered)) for message in batch
        ]
        try:
            rejected = set(await handler(deliveries))
        except Exception:
            await asyncio.sleep(PAUSE_SECONDS)
            await batch[-1].nack(multiple=True, requeue=True)
            return
        for message, delivery in zip(batch, deliveries, strict=True):
            if delivery in rejected:
                await message.reject(requeue=False)
        if deliveries[-1] not in rejected:
            await batch[-1].ack(multiple=True)
        else:
            for message, delivery in zip(batch, deliveries, strict=True):
                if delivery not in rejected:
                    await message.ack()

    async def close(self) -> None:
        if self._connection is not None and not self._connection.is_closed:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._connection.close()

    async def _connected(self) -> AbstractConnection:
        async with self._lock:
            if self._connection is None or self._connection.is_closed:
                self._channel = self._exchange = None
                self._connection = await aio_pika.connect(
                    self._url,
                    timeout=CONNECT_SECONDS,
                    client_properties={"connection_name": self._name},
                    heartbeat=15,
                )
            return self._connection

    async def _publishing(self) -> AbstractExchange:
        connection = await self._connected()
        async with self._lock:
            if self._exchange is None or self._channel is None or self._channel.is_closed:
                self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                self._exchange = await self._channel.declare_exchange(
                    EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True
                )
            return self._exchange


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
