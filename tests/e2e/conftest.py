"""The street in front of the shop."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.e2e.people import Street, open_street
from tests.support.shop import Shop


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def street(shop: Shop) -> AsyncIterator[Street]:
    """Shoppers and operators with real logins."""
    yield await open_street(shop)
