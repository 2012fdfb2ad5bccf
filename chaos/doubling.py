"""Doubled deliveries: a tap on the exchange, from which some messages are published once more, a little later."""

import asyncio
from dataclasses import dataclass
from random import Random

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from shared.messaging.transports.rabbitmq import EXCHANGE

MARK = "jishi-chaos-copy"
LATEST_SECONDS = 4.0
AGAIN_AFTER_SECONDS = 1.0


@dataclass(slots=True)
class Doubling:
    """Doubles a share of all messages until cancelled; `doubled` counts the confirmed copies."""

    url: str
    percent: int
    random: Random
    seen: int = 0
    doubled: int = 0

    async def run(self) -> None:
        """Tap and copy; a broker that goes away is tapped again when it is back."""
        while True:
            try:
                await self._tap()
            except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError):
                await asyncio.sleep(AGAIN_AFTER_SECONDS)

    async def _tap(self) -> None:
        async with await aio_pika.connect(self.url, timeout=5) as connection:
            channel = await connection.channel(publisher_confirms=True)
            exchange = await channel.get_exchange(EXCHANGE)
            tap = await channel.declare_queue(exclusive=True)
            await tap.bind(exchange, "#")
            async with tap.iterator(no_ack=True) as messages, asyncio.TaskGroup() as copying:
                async for message in messages:
                    if MARK in message.headers:
                        continue
                    self.seen += 1
                    if self.random.randrange(100) < self.percent:
                        copying.create_task(self._copy(exchange, message))

    async def _copy(self, exchange: AbstractExchange, message: AbstractIncomingMessage) -> None:
        await asyncio.sleep(self.random.uniform(0, LATEST_SECONDS))
        copy = aio_pika.Message(
            message.body,
            headers={MARK: 1},
            content_type=message.content_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            type=message.type,
        )
        try:
            await exchange.publish(copy, message.routing_key or "", timeout=5)
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError):
            return
        self.doubled += 1
