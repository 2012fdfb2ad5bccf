"""What the broker lets each user do: a service its own queues, an autoscaler nothing but looking (SEC15)."""

import asyncio
from collections.abc import Iterator, Sequence

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from deploy.local.rabbitmq import LocalRabbitMQ
from deploy.local.rabbitmq_configuration import User, password_hash, service_user, watching_user
from deploy.reactions import all_reactions
from shared.events import OrderClosed
from shared.messaging.transport import Delivery, Pack
from shared.messaging.transports.rabbitmq import DEAD_LETTERS, EXCHANGE, RabbitMQTransport, queue_arguments

WATCHER = "keda"


def user(name: str, password: str) -> User:
    return watching_user(password) if name == WATCHER else service_user(name, password)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with LocalRabbitMQ(tmp_path_factory.mktemp("rights") / "broker", port=7972) as broker:
        yield broker.start(["order", "member", WATCHER], user=user, reactions=all_reactions())


async def test_what_is_announced_before_any_worker_ran_waits_for_every_one_who_wants_it(
    urls: dict[str, str],
) -> None:
    """The very first start of a shop: the order service is quick, the others are not."""
    wanting = {reaction.name for reaction in all_reactions() if OrderClosed in reaction.types}
    assert {name.partition(".")[0] for name in wanting} >= {"member", "catalog", "campaign", "analytics"}
    order = RabbitMQTransport(urls["order"], name="order")
    assert await order.publish([Pack(OrderClosed.type, b"[7]", ())]) == [True]
    await order.close()
    async with await aio_pika.connect(urls[WATCHER], timeout=10) as connection:
        channel = await connection.channel()
        for name in wanting:
            queue = await channel.declare_queue(name, passive=True)
            assert (name, queue.declaration_result.message_count) == (name, 1)
    member = RabbitMQTransport(urls["member"], name="member")
    for reaction in all_reactions():
        if reaction.name.startswith("member."):
            await member.bind(
                reaction.name, [type_.type for type_ in reaction.types]
            )  # finds what it would make
    await member.close()


async def test_a_service_declares_hears_and_announces_through_what_is_its_own(urls: dict[str, str]) -> None:
    member = RabbitMQTransport(urls["member"], name="member")
    await member.bind("member.settle-order", ["order.paid.v1"])
    order = RabbitMQTransport(urls["order"], name="order")
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            heard.put_nowait(delivery.body)

    consuming = asyncio.create_task(member.consume("member.settle-order", handle))
    assert await order.publish([Pack("order.paid.v1", b"[1]", ())]) == [True]
    assert await asyncio.wait_for(heard.get(), 10) == b"[1]"
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    await order.close()
    await member.close()


async def test_a_service_cannot_touch_a_siblings_queue(urls: dict[str, str]) -> None:
    member = RabbitMQTransport(urls["member"], name="member")
    await member.bind("member.reverse-order", ["order.refunded.v1"])
    await member.close()
    async with await aio_pika.connect(urls["order"], timeout=10) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("member.reverse-order", ensure=False)
        with pytest.raises(ChannelAccessRefused):
            await queue.get(timeout=5)
        channel = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await (await channel.get_queue("member.reverse-order", ensure=False)).purge()
        channel = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await channel.declare_queue(
                "member.other", durable=True, arguments=queue_arguments("member.other")
            )


async def test_an_autoscaler_sees_how_long_a_queue_is_and_can_do_nothing(urls: dict[str, str]) -> None:
    order = RabbitMQTransport(urls["order"], name="order")
    await order.bind("order.mark-paid", ["payment.succeeded.v1"])
    assert await order.publish([Pack("payment.succeeded.v1", b"[1]", ())]) == [True]
    await order.close()
    async with await aio_pika.connect(urls[WATCHER], timeout=10) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("order.mark-paid", passive=True)
        assert queue.declaration_result.message_count == 1
        for exchange in (EXCHANGE, DEAD_LETTERS):
            channel = await connection.channel()
            with pytest.raises(ChannelAccessRefused):
                await (await channel.get_exchange(exchange, ensure=False)).publish(
                    aio_pika.Message(b"[]"), "order.mark-paid"
                )
        channel = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await (await channel.get_queue("order.mark-paid", ensure=False)).purge()


def test_the_definitions_change_only_with_a_password() -> None:
    assert password_hash("one") == password_hash("one")
    assert password_hash("one") != password_hash("two")
