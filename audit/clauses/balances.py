"""The balances that are carried forward so that nobody sums the books (M6): the books stay the truth."""

from collections.abc import AsyncIterator

from audit.books import Books
from audit.clause import Clause, Finding, Group, Kind, finding

_CARRIED = """
    SELECT s.seal_number, h.account, h.expected, h.found
      FROM (SELECT seal_number, coalesce(lag(seal_number) OVER (ORDER BY seal_number), 0) AS since
              FROM (SELECT DISTINCT seal_number FROM carried_balances WHERE seal_number >= :verified) d) s
      CROSS JOIN LATERAL (
        SELECT account, sum(fen) FILTER (WHERE is_due) AS expected, sum(fen) FILTER (WHERE NOT is_due) AS found
          FROM (SELECT account, balance_fen AS fen, true AS is_due FROM carried_balances WHERE seal_number = s.since
                UNION ALL SELECT e.account, e.amount_fen, true FROM journals j JOIN journal_entries e USING (journal_id)
                 WHERE j.seal_number > s.since AND j.seal_number <= s.seal_number
                UNION ALL SELECT account, balance_fen, false FROM carried_balances WHERE seal_number = s.seal_number) b
         GROUP BY account) h
     WHERE s.seal_number > :verified AND h.expected IS DISTINCT FROM h.found
     ORDER BY s.seal_number, h.account"""
_LAST = "SELECT coalesce(max(seal_number), 0) AS seal_number FROM carried_balances"


async def _carried(books: Books) -> AsyncIterator[Finding]:
    verified = books.position.carried.get("balances", 0)
    async for row in books.rows("payment", _CARRIED, verified=verified):
        expected, found = (
            "no balance" if fen is None else f"{fen} fen" for fen in (row["expected"], row["found"])
        )
        yield finding("M6.carried", expected, found, seal_number=row["seal_number"], account=row["account"])
    (last,) = await books.all("payment", _LAST)
    books.learned.setdefault("carried", {})["balances"] = last["seal_number"]


M6_CARRIED = Clause(
    "M6.carried",
    Kind.ALWAYS,
    "a balance that was carried forward is the one before it and all that was sealed since",
    ("payment",),
    _carried,
    Group.SEALS,
)
