"""The audit stays right when old events and claims are forgotten: no false alarm, and what is kept is still compared."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from audit.books import Row
from audit.checkpoints import Checkpoint, Position
from audit.clause import Group
from audit.clauses import CLAUSES
from audit.databases import Place, Snapshots
from audit.reactions import reactions_of
from audit.run import Mode, check
from deploy.layout import SERVICES
from tests.audit.corruptions import lie
from tests.audit.history import History

Owners = Mapping[str, "asyncpg.Connection[Row]"]

LIES = {
    "E1": lie(
        "member",
        "DELETE FROM inbox WHERE (reaction, event_id) = (SELECT reaction, event_id FROM inbox"
        " WHERE reaction = 'member.settle-order' ORDER BY event_id DESC LIMIT 1)",
    ),
    "E4": lie(
        "order",
        "UPDATE outbox SET subject = 'ffffffff-0000-7000-8000-000000000001'"
        " WHERE id = (SELECT max(id) FROM outbox WHERE type = 'order.paid.v1')",
        findings=2,
    ),
}


async def forget(owners: Owners, *, parts: Mapping[str, float]) -> int:
    """Forget such a part of the history's orders in each database, as pruning does; returns how many rows are gone."""
    orders = [row["id"] for row in await owners["order"].fetch("SELECT id FROM orders ORDER BY id")]
    gone = 0
    for service, part in parts.items():
        below = UUID(int=orders[int(part * len(orders))].int >> 80 << 80)
        for what in ("outbox", *reactions_of(service)):
            await owners[service].execute("INSERT INTO pruned (what, below) VALUES ($1, $2)", what, below)
        for table in ("outbox", "inbox"):
            done = await owners[service].execute(f"DELETE FROM {table} WHERE event_id < $1", below)
            gone += int(done.rpartition(" ")[2])
    return gone


@pytest.mark.parametrize("told", [None, *LIES])
@pytest.mark.parametrize("begins", ["from scratch", "at a checkpoint"])
@pytest.mark.parametrize("moved", range(4))
async def test_what_was_forgotten_is_no_finding_and_what_is_kept_is_still_compared(
    told: str | None, begins: str, moved: int, history: History, owners: Owners
) -> None:
    parts = {name: ((number + moved) % 4) / 5 for number, name in enumerate(SERVICES)}
    transactions = [connection.transaction() for connection in owners.values()]
    for transaction in transactions:
        await transaction.start()
    try:
        orders = [row["id"] for row in await owners["order"].fetch("SELECT id FROM orders ORDER BY id")]
        assert await forget(owners, parts=parts) > 20
        if told is not None:
            done = await owners[LIES[told].service].execute(*LIES[told].statements)
            assert done.endswith(" 1"), done
        first = Position(through=orders[0], floor=orders[0])
        positions: dict[str, Position] = {Group.EVENTS: first, Group.ORDERS: first}
        result = await check(
            Snapshots(owners, {}, datetime.now(UTC) + timedelta(seconds=1)),
            CLAUSES,
            place=Place(history.urls, history.field_keys, is_running=True),
            mode=Mode.REST,
            checkpoint=Checkpoint({}, {} if begins == "from scratch" else positions),
        )
    finally:
        for transaction in transactions:
            await transaction.rollback()
    found = [found for outcome in result.outcomes for found in outcome.findings]
    assert [outcome.failed for outcome in result.outcomes if outcome.failed] == []
    assert [each.clause for each in found] == ([] if told is None else [told] * LIES[told].findings), found
