"""A gateway with its member service and a clock in our hands."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from shared.clock import ManualClock
from tests.integration.gateway.entrance import Entrance
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def entrance(wechat: WeChat) -> AsyncIterator[Entrance]:
    """Shared by the tests of a worker: make your own members and operators."""
    clock = ManualClock(datetime.now(UTC))
    async with open_shop(wechat, clock=clock, names=["gateway", "member"]) as shop:
        yield Entrance(shop, clock)
