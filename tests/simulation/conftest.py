"""One simulated shop for all seeds of a worker."""

from collections.abc import Iterator

import pytest

from tests.simulation.simulation import Simulation


@pytest.fixture(scope="session")
def simulation() -> Iterator[Simulation]:
    """The shop that seeds are run on."""
    with Simulation() as opened:
        yield opened
