"""A catalog of the tests' own, driven by hand: requests with minted identities, events through its real reactions."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.catalog.goods import Catalog
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def catalog(wechat: WeChat) -> AsyncIterator[Catalog]:
    """The catalog service, shared by the tests of a worker: make your own ids."""
    async with open_shop(wechat, names=["catalog"], working=False) as shop:
        yield Catalog(shop)
