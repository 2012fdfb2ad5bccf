"""A shop of the order tests' own: every sibling is real, WeChat is the simulator, and both clocks are in our hands."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from shared.clock import ManualClock
from shared.events import EVENT_TYPES
from shared.messaging.transport import Delivery
from shared.messaging.transports.local import LocalTransport
from tests.integration.order.market import Market
from tests.support.shop import open_shop
from tests.support.wechat import open_wechat

SERVICES = ["catalog", "order", "payment", "member", "campaign"]


async def _listen(_: Sequence[Delivery]) -> None:
    return None


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """The order service among its siblings, shared by the tests of a worker.

    Somebody listens to every event, as the analytics service does in a whole shop.
    """
    clock, transport = ManualClock(datetime.now(UTC)), LocalTransport()
    await transport.bind("tests.listen", EVENT_TYPES)
    listening = asyncio.create_task(transport.consume("tests.listen", _listen))
    async with (
        open_wechat(tmp_path_factory.mktemp("order-wechat")) as wechat,
        open_shop(wechat, clock=clock, transport=transport, names=SERVICES) as shop,
    ):
        market = Market(shop, clock)
        await market.prepare()
        yield market
    listening.cancel()


@pytest_asyncio.fixture(loop_scope="session")
async def market(open_market: Market) -> Market:
    """The order service among its siblings: make your own members and goods."""
    await open_market.align()
    return open_market
