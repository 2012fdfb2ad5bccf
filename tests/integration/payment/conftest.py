"""A payment service with its own database, a clock that the tests move, and WeChat Pay played by the simulator."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.local.configuration import apply, configure
from deploy.local.platform import open_platform
from deploy.local.processes import free_port
from shared.clock import ManualClock
from shared.http.identity import ANONYMOUS, HEADER, Identity
from tests.integration.payment.till import Till
from tests.support.databases import fresh_databases
from tests.support.shop import Shop
from tests.support.wechat import WeChat, open_wechat

PROVIDER_SECONDS = 1.5


class Door:
    """The gateway's part for WeChat: it passes notices on with an anonymous identity."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.identity: Identity | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        assert self.identity is not None
        token = self.identity.mint("payment", ANONYMOUS).encode()
        headers = [*scope["headers"], (HEADER.encode(), token)]
        await self.app({**scope, "headers": headers}, receive, send)


@asynccontextmanager
async def _serving(app: ASGIApp, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False)
    )
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pay_wechat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    """A WeChat of the payment tests' own, since they move its clock and make it misbehave."""
    async with open_wechat(tmp_path_factory.mktemp("pay-wechat")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_till(pay_wechat: WeChat, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    """The payment service, its worker standing still, reachable for notices at a port of its own."""
    async with _till(pay_wechat, tmp_path_factory.mktemp("payment")) as opened:
        yield opened


@asynccontextmanager
async def _till(wechat: WeChat, folder: Path) -> AsyncIterator[Till]:
    databases = await fresh_databases(["payment"])
    port, door, clock = free_port(21190), Door(), ManualClock(datetime.now(UTC))
    environment = configure(
        folder,
        databases=databases,
        amqp_urls={},
        merchant_folder=wechat.folder,
        simulator_url=wechat.url,
        public_url=f"http://127.0.0.1:{port}",
    )
    before = dict(os.environ)
    apply(environment | {"PAYMENT_PROVIDER_SECONDS": str(PROVIDER_SECONDS)})
    async with open_platform(clock=clock, names=["payment"], working=False) as platform:
        os.environ.clear()
        os.environ.update(before)
        door.app = platform.apps["payment"]
        keys = folder / "keys"
        door.identity = Identity.from_files("gateway", keys / "gateway.pem", keys / "keyring.json")
        async with _serving(door, port):
            yield Till(Shop(platform, wechat, keys), clock, wechat)


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
