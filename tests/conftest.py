"""What every test may ask for. The servers are real, and start when the first test asks."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import settings

from shared import database
from tests.support import servers
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat, open_wechat

# Two workers, their servers and their crowds share two cores: a queue at the pool is no outage here.
database.POOL_WAIT_SECONDS = 15.0

# The same examples every time, and none that fails because the machine was busy.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.close_run()


@pytest.fixture(scope="session")
def postgres_server() -> servers.PostgresServer:
    """The run's PostgreSQL: `create_database(name, template=None)` gives the URLs of a database of your own."""
    return servers.postgres_server()


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """The run's RabbitMQ; a test fails, and says what to do, where none can be had."""
    return servers.rabbitmq_url()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wechat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    """WeChat, played by the simulator."""
    async with open_wechat(tmp_path_factory.mktemp("wechat")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(wechat: WeChat) -> AsyncIterator[Shop]:
    """The whole shop in this process, shared by the tests of a worker: make your own ids."""
    async with open_shop(wechat) as opened:
        yield opened
