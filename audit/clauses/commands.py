"""Commands: keys and sagas (I1, I2)."""

from collections.abc import AsyncIterator

from audit.books import Books
from audit.clause import Clause, Finding, Kind, finding, require_running
from deploy.layout import PACKAGES, SERVICES

_SHARED_KEYS = """
    SELECT md5(idempotency_key) AS key_md5, string_agg(id::text, ' ') AS orders FROM orders
     WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key HAVING count(*) > 1"""
_IN_PROGRESS = """
    SELECT id AS order_id, placed_at FROM orders
     WHERE status = 'creating' AND placed_at < :now::timestamptz - interval '60 seconds'"""
_DOUBLE_KEYS = (
    "SELECT md5(key) AS key_md5, count(*) AS many FROM idempotency_keys GROUP BY key HAVING count(*) > 1"
)


async def _keys(books: Books) -> AsyncIterator[Finding]:
    async for row in books.rows("order", _SHARED_KEYS):
        yield finding("I1", "one order", row["orders"], key_md5=row["key_md5"])
    for service in PACKAGES:
        async for row in books.rows(service, _DOUBLE_KEYS):
            yield finding(
                "I1", "one answer", f"{row['many']} answers", service=service, key_md5=row["key_md5"]
            )


I1 = Clause(
    "I1",
    Kind.ALWAYS,
    "a key has one order and one answer",
    tuple(PACKAGES),
    _keys,
)

_UNDRIVEN = {
    "order": """
        SELECT o.id::text AS key, CASE o.status WHEN 'creating' THEN 'complete-creation' ELSE 'close-unpaid' END AS timer
          FROM orders o WHERE o.status IN ('creating', 'pending_pay', 'closing') AND NOT EXISTS (
            SELECT FROM timers WHERE key = o.id::text
               AND kind = CASE o.status WHEN 'creating' THEN 'complete-creation' ELSE 'close-unpaid' END)
        UNION ALL SELECT o.id::text, 'auto-receive' FROM orders o WHERE o.status = 'shipped'
           AND NOT EXISTS (SELECT FROM timers WHERE key = o.id::text AND kind = 'auto-receive')
           AND NOT EXISTS (SELECT FROM order_lines WHERE order_id = o.id AND claimed_quantity > 0)""",
    "payment": """
        SELECT a.out_trade_no AS key, 'payment.query-attempt' AS timer FROM attempts a JOIN payments p USING (payment_id)
         WHERE a.status IN ('initiated', 'prepaid') AND p.disputed_at IS NULL
           AND NOT EXISTS (SELECT FROM timers WHERE key = a.out_trade_no AND kind = 'payment.query-attempt')
        UNION ALL SELECT a.out_refund_no, 'payment.advance-refund' FROM refund_attempts a
         WHERE a.status IN ('requested', 'processing')
           AND NOT EXISTS (SELECT FROM timers WHERE key = a.out_refund_no AND kind = 'payment.advance-refund')""",
}
_OVERDUE = """
    SELECT kind, key, due_at FROM timers WHERE due_at < :now::timestamptz - interval '5 minutes'
       AND coalesce(leased_until, '-infinity') < :now::timestamptz"""


async def _driven(books: Books) -> AsyncIterator[Finding]:
    for service, query in _UNDRIVEN.items():
        async for row in books.rows(service, query):
            yield finding("I2", f"a timer {row['timer']}", "none", service=service, key=row["key"])


I2 = Clause(
    "I2",
    Kind.REST,
    "whatever is unfinished has a timer that drives it",
    SERVICES,
    _driven,
)


async def _late(books: Books) -> AsyncIterator[Finding]:
    require_running(books)
    async for row in books.rows("order", _IN_PROGRESS):
        yield finding("I2.late", "decided in 60 s", f"placed {row['placed_at']}", order_id=row["order_id"])
    for service in SERVICES:
        async for row in books.rows(service, _OVERDUE):
            yield finding(
                "I2.late",
                "run in time",
                f"due at {row['due_at']}",
                service=service,
                timer=row["kind"],
                key=row["key"],
            )


I2_LATE = Clause(
    "I2.late",
    Kind.REST,
    "no key is in progress for more than 60 s, no timer 5 minutes late",
    SERVICES,
    _late,
)

CLAUSES = (I1, I2, I2_LATE)
