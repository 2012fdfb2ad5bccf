"""The simulation finds what it is there to find: each seeded bug within a few seeds, by an invariant that it breaks."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.simulation import Simulation

WITHIN_SEEDS = 60


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(simulation: Simulation, bug: str) -> None:
    with BUGS[bug]():
        found = (simulation.run(seed).violations for seed in range(1, WITHIN_SEEDS + 1))
        assert any(found), f"{WITHIN_SEEDS} seeds found nothing wrong"
