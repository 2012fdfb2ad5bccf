"""A simulator with fresh books on a real socket, a shop that takes its notices, and a merchant who calls it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulator.merchant import generate
from tests.simulator.support import Merchant, Shop, Simulator


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One invented merchant for the session; making keys takes half a second."""
    folder = tmp_path_factory.mktemp("keys")
    generate(folder)
    return folder


@pytest.fixture
async def simulator(keys: Path, tmp_path: Path) -> AsyncIterator[Simulator]:
    """A running simulator with empty books."""
    folder = tmp_path / "simulator"
    shutil.copytree(keys, folder)
    async with Simulator(folder) as running:
        yield running


@pytest.fixture(scope="session")
async def shop_server() -> AsyncIterator[Shop]:
    """The session's notice endpoint."""
    async with Shop() as running:
        yield running


@pytest.fixture
def shop(shop_server: Shop) -> Shop:
    """A shop's notice endpoint, which accepts everything unless told otherwise."""
    shop_server.forget()
    return shop_server


@pytest.fixture
async def merchant(simulator: Simulator, shop: Shop) -> AsyncIterator[Merchant]:
    """The merchant with a user who is ready to pay."""
    async with Merchant(simulator, shop) as one:
        yield one
