"""A seed is a whole story: nothing but its number decides what happens (P18)."""

import asyncio
import time

import pytest

from tests.simulation.loop import SimulatedLoop, Stuck
from tests.simulation.simulation import Simulation


def test_a_seed_replays_step_by_step_whatever_ran_before(simulation: Simulation) -> None:
    first = [simulation.run(seed) for seed in (6, 13, 19)]
    again = [simulation.run(seed) for seed in (19, 13, 6)]
    assert [outcome.trace for outcome in first] == [outcome.trace for outcome in reversed(again)]
    assert [outcome.digest for outcome in first] == [outcome.digest for outcome in reversed(again)]
    assert sum(outcome.crashes for outcome in first) > 0


def test_two_seeds_are_two_stories(simulation: Simulation) -> None:
    assert simulation.run(6).digest != simulation.run(13).digest


def test_an_hour_passes_at_once_and_in_order() -> None:
    woken: list[str] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(name)

    async def story() -> float:
        await asyncio.gather(sleep("late", 3600), sleep("soon", 60))
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        assert runner.run(story()) == 3600
    assert woken == ["soon", "late"]
    assert time.monotonic() - began < 10


def test_who_waits_for_ever_is_told() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    runner = asyncio.Runner(loop_factory=SimulatedLoop)
    with pytest.raises(Stuck, match="everybody waits for ever"):
        runner.run(wait())
