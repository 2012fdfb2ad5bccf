"""Every promise about messaging is kept by both transports, on real PostgreSQL and a real broker."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.http.identity import Identity, generate_keys
from tests.messaging.lines import Line, a_service
from tests.messaging.own_broker import OwnBroker, open_own_broker
from tests.support.kernel import kernel_database, kernel_engine


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder = tmp_path_factory.mktemp("identity")
    keyring = generate_keys(folder, ["kernel"])
    return Identity.from_files("kernel", folder / "kernel.pem", keyring)


@pytest.fixture(scope="session")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    """A broker that nobody else is on."""
    with open_own_broker(tmp_path_factory.mktemp("own") / "broker") as broker:
        yield broker


@pytest_asyncio.fixture(loop_scope="session")
async def line(
    request: pytest.FixtureRequest, transport_kind: str, identity: Identity
) -> AsyncIterator[Line]:
    """A line of the test's own."""
    url = request.getfixturevalue("rabbitmq_url") if transport_kind == "rabbitmq" else None
    urls = await kernel_database()
    async with kernel_engine(urls) as engine:
        yield Line(engine=engine, identity=identity, amqp_url=url, service=a_service())


@pytest.fixture(params=["local", "rabbitmq"])
def transport_kind(request: pytest.FixtureRequest) -> str:
    """Which transport a test runs over; a module that is about one of them overrides this."""
    return str(request.param)


@pytest.fixture
def sudden_death(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled work is cut short at once, as by kill -9."""
    for module in ("relay", "transports.local", "transports.rabbitmq"):
        monkeypatch.setattr(f"shared.messaging.{module}.STOP_SECONDS", 0)
    monkeypatch.setattr("shared.worker.STOP_SECONDS", 0)
