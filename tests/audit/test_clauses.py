"""Every clause finds the one lie that is meant for it, and no other clause does."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from audit.books import Row
from audit.checkpoints import Checkpoint
from audit.clauses import CLAUSES
from audit.databases import Place, Snapshots
from audit.run import Mode, Result, check
from deploy.local.home import PROJECT
from tests.audit.corruptions import CORRUPTIONS, Corruption
from tests.audit.history import History

Owners = Mapping[str, "asyncpg.Connection[Row]"]

NOT_CHECKED = {"E3.broker", "E5", "V4"}
LIES = [(id, number) for id, lies in CORRUPTIONS.items() for number in range(len(lies))]


async def test_a_clean_history_breaks_no_clause(history: History, owners: Owners) -> None:
    result = await _look(history, owners)
    assert [outcome.findings for outcome in result.outcomes if outcome.findings] == []
    assert [outcome.failed for outcome in result.outcomes if outcome.failed] == []
    assert {outcome.clause.id for outcome in result.outcomes if outcome.skipped} == NOT_CHECKED
    assert result.exit_code == 0


def test_every_clause_that_can_be_checked_has_a_lie_to_find() -> None:
    assert {clause.id for clause in CLAUSES} - NOT_CHECKED == CORRUPTIONS.keys()


@pytest.mark.parametrize(("id", "number"), LIES, ids=[f"{id}-{number}" for id, number in LIES])
async def test_a_clause_finds_its_lie_and_nobody_else_does(
    id: str, number: int, history: History, owners: Owners
) -> None:
    lie = CORRUPTIONS[id][number]
    transactions = [connection.transaction() for connection in owners.values()]
    for transaction in transactions:
        await transaction.start()
    try:
        await _tell(lie, owners)
        result = await _look(history, owners)
    finally:
        for transaction in transactions:
            await transaction.rollback()
    found = [found for outcome in result.outcomes for found in outcome.findings]
    assert [outcome.failed for outcome in result.outcomes if outcome.failed] == []
    assert {each.clause for each in found} == {id}, found
    assert len(found) == lie.findings, found
    assert result.exit_code == 1


async def _tell(lie: Corruption, owners: Owners) -> None:
    *preparations, last = lie.statements
    for statement in preparations:
        await owners[lie.service].execute(statement)
    done = await owners[lie.service].execute(last)
    assert done == "GRANT" or done.endswith(" 1"), f"{last}: {done}"


async def _look(history: History, owners: Owners) -> Result:
    place = Place(history.urls, history.field_keys, is_running=True)
    snapshots = Snapshots(owners, {}, datetime.now(UTC) + timedelta(seconds=1))
    return await check(snapshots, CLAUSES, place=place, mode=Mode.REST, checkpoint=Checkpoint({}, {}))


def test_the_how_to_lists_every_clause_in_its_own_words() -> None:
    page = (PROJECT / "docs" / "how-to" / "audit.md").read_text()
    listed = re.findall(r"^\| ([A-Z]\d+(?:\.\w+)?) \| ([AR]) \| (.+?) \| [^|]+ \|$", page, flags=re.MULTILINE)
    assert listed == [(clause.id, clause.kind, clause.says) for clause in CLAUSES]
