"""A payment service with its own database, a clock that the tests move, and WeChat Pay played by the simulator."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from shared.clock import ManualClock
from tests.integration.payment.bookkeeping import Bookkeeping
from tests.integration.payment.partners import Partners, open_partners, put_rule
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_books(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bookkeeping]:
    """A payment service and a WeChat of their own, for days that hold nothing but what a test did."""
    async with open_wechat(tmp_path_factory.mktemp("books-wechat")) as wechat:
        clock = ManualClock(datetime.now(UTC))
        async with open_shop(wechat, clock=clock, names=["gateway", "payment"], working=False) as shop:
            opened = Bookkeeping(Till(shop, clock, wechat))
            object.__setattr__(opened.till.resources, "bill_folder", tmp_path_factory.mktemp("bills"))
            yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def books(open_books: Bookkeeping) -> AsyncIterator[Bookkeeping]:
    """The books, with a WeChat that bills rightly and takes its usual fee."""
    await open_books.till.align()
    await open_books.till.wechat.faults()
    await open_books.till.rules(
        refund_settles_as="SUCCESS",
        refund_settles_after_seconds=0,
        refund_interval_seconds=0,
        fee_bp=60,
        bill_damages=[],
        bill_hash_is_wrong=False,
        bill_summary_differs_by_fen=0,
        bill_day_ends_early_seconds=0,
    )
    yield open_books


@pytest_asyncio.fixture(loop_scope="session")
async def till(open_till: Till) -> AsyncIterator[Till]:
    """The till, with a WeChat that behaves, settles refunds at once and knows no pause between them."""
    await open_till.align()
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


@pytest_asyncio.fixture(loop_scope="session")
async def partners(till: Till) -> AsyncIterator[Partners]:
    """A till that shares profit, until the test is over."""
    opened = await open_partners(till)
    yield opened
    await put_rule(opened, [])
