"""What is only ever added to cannot be changed by those who run the shop (K13, M6)."""

from collections.abc import AsyncIterator

from audit.books import Books
from audit.clause import Clause, Finding, Kind, finding
from deploy.layout import PACKAGES

APPEND_ONLY = {
    "catalog": ("stock_movements",),
    "order": (
        "order_history",
        "shipment_lines",
        "tracking_events",
        "refund_lines",
        "after_sale_history",
        "after_sale_messages",
    ),
    "payment": (
        "notices",
        "security_events",
        "journals",
        "journal_entries",
        "ledger_seals",
        "carried_balances",
        "reconciliation_closings",
        "share_rules",
        "share_rule_parts",
        "dispute_decisions",
        "outside_settlements",
    ),
    "member": ("consents", "points_transfers", "growth_entries", "order_refunds"),
    "campaign": ("coupon_rules", "coupon_journal"),
}
"""Each service's journals; every service has the kernel's two besides."""
OF_ALL = ("audit_log", "inbox")

_MAY_CHANGE = """
    SELECT c.relname::text AS table_name, coalesce(r.rolname::text, 'PUBLIC') AS role,
           string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges
      FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(:tables::text[]) AND a.grantee <> c.relowner
       AND a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
     GROUP BY 1, 2 ORDER BY 1, 2"""


async def _grants(books: Books) -> AsyncIterator[Finding]:
    for service in PACKAGES:
        tables = [*APPEND_ONLY.get(service, ()), *OF_ALL]
        async for row in books.rows(service, _MAY_CHANGE, tables=tables):
            yield finding(
                "M6.grants",
                "INSERT and SELECT only",
                row["privileges"],
                service=service,
                table=row["table_name"],
                role=row["role"],
            )


GRANTS = Clause(
    "M6.grants",
    Kind.ALWAYS,
    "nobody but the owner can change or delete a journal, the inbox or the audit log",
    tuple(PACKAGES),
    _grants,
)
