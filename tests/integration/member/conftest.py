"""A member service of the tests' own, with a clock that they move."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.clock import ManualClock
from tests.integration.member.people import AT, Members
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _service(wechat: WeChat) -> AsyncIterator[Members]:
    clock = ManualClock(AT)
    async with open_shop(wechat, clock=clock, names=["member"], working=False) as shop:
        yield Members(shop, clock)


@pytest_asyncio.fixture(loop_scope="session")
async def members(_service: Members) -> Members:
    """The member service at noon of a shop day, shared by the tests of a worker: make your own members."""
    _service.clock.set(AT)
    return _service
