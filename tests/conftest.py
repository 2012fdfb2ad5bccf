"""What every test may ask for. The servers are real, and start when the first test asks."""

import pytest

from tests.support import servers


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
