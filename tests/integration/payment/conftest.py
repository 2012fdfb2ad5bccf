"""A payment service with its own database, a clock that the tests move, and WeChat Pay played by the simulator."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.clock import ManualClock
from shared.http.identity import ANONYMOUS, HEADER, Identity
from shared.process import serving
from tests.integration.payment.till import Till
from tests.support.shop import open_shop
from tests.support.wechat import WeChat, open_wechat

PROVIDER_SECONDS = 1.5


class Door:
    """The gateway's part for WeChat: it passes notices on with an anonymous identity."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self.app = app
        self.identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = self.identity.mint("payment", ANONYMOUS).encode()
        headers = [*scope["headers"], (HEADER.encode(), token)]
        await self.app({**scope, "headers": headers}, receive, send)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pay_wechat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    """A WeChat of the payment tests' own, since they move its clock and make it misbehave."""
    async with open_wechat(tmp_path_factory.mktemp("pay-wechat")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_till(pay_wechat: WeChat) -> AsyncIterator[Till]:
    """The payment service, its worker standing still, reachable for notices where the gateway would be."""
    clock = ManualClock(datetime.now(UTC))
    async with open_shop(pay_wechat, clock=clock, names=["payment"], working=False) as shop:
        opened = Till(shop, clock, pay_wechat)
        object.__setattr__(opened.resources, "provider_seconds", PROVIDER_SECONDS)
        keys = shop.folder / "keys"
        identity = Identity.from_files("gateway", keys / "gateway.pem", keys / "keyring.json")
        door = Door(shop.platform.apps["payment"], identity)
        async with serving(door, "127.0.0.1", int(shop.url.rpartition(":")[2])):
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
