"""Every seeded bug is caught by the rule meant for it, and the same misfortune without the bug gives no finding (P1)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chaos.bugs import BUGS, Bug
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.stage import Stage, open_stage, rehearsal


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One shop for all rehearsals."""
    async with open_stage(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


@pytest.mark.parametrize("name", SCENARIOS)
async def test_without_a_bug_the_shop_survives(name: str, stage: Stage, tmp_path: Path) -> None:
    async with rehearsal(stage, tmp_path) as run:
        await SCENARIOS[name](run)
        assert await run.verdict() == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
async def test_the_bug_is_caught(bug: Bug, stage: Stage, tmp_path: Path) -> None:
    async with rehearsal(stage, tmp_path) as run:
        with bug.enter():
            await SCENARIOS[bug.bites_in](run)
            findings = await run.verdict()
    assert bug.caught_by in {finding.rule for finding in findings}, findings


def test_every_scenario_has_a_bug_that_it_brings_out() -> None:
    assert {bug.bites_in for bug in BUGS} == SCENARIOS.keys()
