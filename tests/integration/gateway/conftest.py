"""Gateways: one with its member service and a clock in our hands, and one whose services are all an echo."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from gateway import kept_answers
from shared.clock import ManualClock
from tests.integration.gateway.echo import Door, open_door
from tests.integration.gateway.entrance import Entrance
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def entrance(wechat: WeChat) -> AsyncIterator[Entrance]:
    """Shared by the tests of a worker: make your own members and operators."""
    clock = ManualClock(datetime.now(UTC))
    async with open_shop(wechat, clock=clock, names=["gateway", "member"]) as shop:
        yield Entrance(shop, clock)


@pytest.fixture(scope="module")
def limits() -> dict[str, Any]:
    """The settings of the door's limits; a module with a fixture of this name has its own."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["local", "remote"])
async def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, limits: dict[str, Any]
) -> AsyncIterator[Door]:
    """A gateway on a port with an echo behind it, in this process and over HTTP."""
    async with open_door(request.param, tmp_path_factory.mktemp("door"), **limits) as opened:
        yield opened


@pytest.fixture
def fresh_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine gets no further than the moment for which an answer is fresh."""
    monkeypatch.setattr(kept_answers, "FRESH_SECONDS", 30.0)


@pytest.fixture
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request comes later than the moment for which an answer is fresh."""
    monkeypatch.setattr(kept_answers, "FRESH_SECONDS", 0.0)
