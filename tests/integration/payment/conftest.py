"""A payment service with its own database, a clock that the tests move, and WeChat Pay played by the simulator."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from shared.clock import ManualClock
from tests.integration.payment.till import Till
from tests.support.shop import open_shop
from tests.support.wechat import WeChat, open_wechat

PROVIDER_SECONDS = 1.5


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pay_wechat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    """A WeChat of the payment tests' own, since they move its clock and make it misbehave."""
    async with open_wechat(tmp_path_factory.mktemp("pay-wechat")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_till(pay_wechat: WeChat) -> AsyncIterator[Till]:
    """The payment service, its worker standing still, reachable for notices through the gateway."""
    clock = ManualClock(datetime.now(UTC))
    async with open_shop(pay_wechat, clock=clock, names=["gateway", "payment"], working=False) as shop:
        opened = Till(shop, clock, pay_wechat)
        object.__setattr__(opened.resources, "provider_seconds", PROVIDER_SECONDS)
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def till(open_till: Till) -> AsyncIterator[Till]:
    """The till, with a WeChat that behaves, settles refunds at once and knows no pause between them."""
    await open_till.wechat.faults()
    await open_till.rules(
        refund_settles_as="SUCCESS",
        refund_settles_after_seconds=0,
        refund_interval_seconds=0,
        order_known_after_seconds=0,
        fee_bp=0,
    )
    yield open_till
    await open_till.wechat.faults()
