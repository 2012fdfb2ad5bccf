"""500 seeds of failures, and what must be true after each (P18). A failing seed is told with the command that replays it.

Two classes, so that two workers share the seeds.
"""

import pytest

from tests.simulation.__main__ import told
from tests.simulation.simulation import Simulation

CHUNK = 25


def _chunks(first: int, last: int) -> list[range]:
    return [range(begin, begin + CHUNK) for begin in range(first, last, CHUNK)]


def _check(simulation: Simulation, seeds: range) -> None:
    outcomes = [simulation.run(seed) for seed in seeds]
    assert "\n".join(told(outcome) for outcome in outcomes if outcome.violations) == ""
    # Where nothing happens nothing is wrong: much did.
    assert sum(outcome.crashes for outcome in outcomes) > CHUNK / 2
    assert sum(outcome.orders for outcome in outcomes) > CHUNK


class TestSeeds1To250:
    @pytest.mark.parametrize("seeds", _chunks(1, 250), ids=str)
    def test_nothing_is_wrong_after_a_seed(self, simulation: Simulation, seeds: range) -> None:
        _check(simulation, seeds)


class TestSeeds251To500:
    @pytest.mark.parametrize("seeds", _chunks(251, 500), ids=str)
    def test_nothing_is_wrong_after_a_seed(self, simulation: Simulation, seeds: range) -> None:
        _check(simulation, seeds)
