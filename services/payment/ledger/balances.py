"""Balances of the cash books: carried forward every thousand journals, so that reading them sums only what came since.

A carried balance is what an account held as of a seal; it is appended once and never changes. It goes by seals because they
are in order and complete: what is posted slowly falls into a later one. The books stay the truth (M6.carried).
"""

from typing import Any

from sqlalchemy import text

from shared.connection import Connection
from shared.database import UnitOfWork

CARRY_JOURNALS = 1_000

_CARRIED_AS_OF = text("SELECT coalesce(max(seal_number), 0) FROM carried_balances")
_CARRIED = "SELECT account, balance_fen AS fen FROM carried_balances WHERE seal_number = :carried"
_ENTRIES = "SELECT e.account, e.amount_fen AS fen FROM journals j JOIN journal_entries e USING (journal_id)"

_CARRY = text(
    "WITH next AS MATERIALIZED (SELECT seal_number FROM (SELECT seal_number, sum(journal_count)"
    "  OVER (ORDER BY seal_number) AS journals FROM (SELECT seal_number, journal_count FROM ledger_seals"
    "   WHERE seal_number > :carried ORDER BY seal_number LIMIT :journals) AS seals) AS counted"
    "  WHERE journals >= :journals ORDER BY seal_number LIMIT 1)"
    " INSERT INTO carried_balances (seal_number, account, balance_fen)"
    f" SELECT next.seal_number, account, sum(fen) FROM next CROSS JOIN LATERAL ({_CARRIED} UNION ALL {_ENTRIES}"
    "  WHERE j.seal_number > :carried AND j.seal_number <= next.seal_number) AS held"
    " GROUP BY next.seal_number, account ON CONFLICT DO NOTHING"
)
"""Two who carry at once write the same rows, for seals never change: the later one adds nothing."""

_BALANCES = text(
    f"SELECT account, sum(fen)::bigint AS balance_fen FROM ({_CARRIED} UNION ALL {_ENTRIES}"
    f" WHERE j.seal_number > :carried UNION ALL {_ENTRIES} WHERE j.seal_number IS NULL) AS held"
    " GROUP BY account ORDER BY account"
)


async def carry(work: UnitOfWork, *, journals: int) -> bool:
    """Carry the balances forward once so many more journals are sealed; whether it did, for more may be waiting."""
    carried = await _carried_as_of(work.connection)
    done = await work.connection.execute(_CARRY, {"carried": carried, "journals": journals})
    return done.rowcount > 0


async def balances(connection: Connection) -> list[dict[str, Any]]:
    """What each account of the cash books holds, in fen; they sum to zero (P10)."""
    carried = await _carried_as_of(connection)
    return [dict(row) for row in await connection.execute(_BALANCES, {"carried": carried})]


async def _carried_as_of(connection: Connection) -> int:
    """The last seal with balances. As a value of its own: within the statements it would hide how little follows it."""
    found: int = (await connection.execute(_CARRIED_AS_OF)).scalar_one()
    return found
