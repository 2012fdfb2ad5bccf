"""The simulation finds what it is there to find: each seeded bug within a few seeds, by the invariant that it breaks."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.simulation import Simulation

FOUND: dict[str, tuple[int, str]] = {}
"""The first seed after which a bug shows, and the invariant that tells of it."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(simulation: Simulation, bug: str) -> None:
    seed, invariant = FOUND[bug]
    with BUGS[bug]():
        outcome = simulation.run(seed)
    assert any(violation.startswith(f"{invariant} ") for violation in outcome.violations), outcome.violations
