"""A campaign service of the tests' own, with a clock that they move."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.clock import ManualClock
from tests.integration.campaign.giveaways import AT, Campaign
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _service(wechat: WeChat) -> AsyncIterator[Campaign]:
    clock = ManualClock(AT)
    async with open_shop(wechat, clock=clock, names=["campaign"], working=False) as shop:
        yield Campaign(shop, clock)


@pytest_asyncio.fixture(loop_scope="session")
async def campaign(_service: Campaign) -> Campaign:
    """The campaign service at a fixed instant, shared by the tests of a worker: make your own ids."""
    _service.clock.set(AT)
    return _service
