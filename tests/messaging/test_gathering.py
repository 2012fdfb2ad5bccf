"""Over a broker a message costs more than an event: what nobody awaits waits a moment for more of its kind."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence

import pytest
import pytest_asyncio

from shared.database import begin
from shared.events import PaymentSucceeded
from shared.ids import new_id
from shared.messaging import relay as relay_module
from shared.messaging.relay import Relay
from shared.messaging.transport import Handler, Pack
from tests.messaging.lines import AT, Line, until


class Broker:
    """Takes everything, and notes it."""

    exclusive = False

    def __init__(self) -> None:
        self.packs: list[Pack] = []

    async def bind(self, queue: str, types: Collection[str]) -> None:
        raise NotImplementedError

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        self.packs += packs
        return [True] * len(packs)

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def transport_kind() -> str:
    """The database only."""
    return "local"


@pytest_asyncio.fixture(loop_scope="session")
async def broker(line: Line, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    """One that a relay of the line's hands its events to; it looks only when it is woken."""
    monkeypatch.setattr(relay_module, "NET_SECONDS", 600.0)
    broker = Broker()
    relaying = asyncio.create_task(Relay(line.engine, broker).run())
    await asyncio.sleep(0.1)
    yield broker
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)


async def test_what_is_announced_within_a_moment_goes_in_one_message(line: Line, broker: Broker) -> None:
    ids = [id_ for _ in range(3) for id_ in await line.announce(1)]
    await line.all_sent()
    assert [pack.event_ids for pack in broker.packs] == [tuple(ids)]


async def test_what_somebody_awaits_goes_at_once_and_takes_the_others_along(
    line: Line, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "LINGER_SECONDS", 600.0)
    relaying = asyncio.create_task(Relay(line.engine, broker).run())  # woken instead of the first
    await asyncio.sleep(0.1)
    [waiting] = await line.announce(1)
    await asyncio.sleep(0.1)
    assert broker.packs == []
    paid = PaymentSucceeded(
        payment_id=new_id(), order_id=new_id(), amount_fen=1, method="wechat_pay", paid_at=AT
    )
    async with begin(line.engine) as work:
        [awaited] = await work.outbox.add(paid, at=AT)

    async def are_sent() -> bool:
        return {id_ for pack in broker.packs for id_ in pack.event_ids} == {waiting, awaited}

    await until(are_sent, seconds=5)
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)
