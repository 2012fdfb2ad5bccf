"""What operators see of payments; a fixed number of statements each."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_LIST = text(
    "SELECT payment_id, order_id, order_number, member_id, status, method, transaction_id, amount_fen, paid_fen,"
    " refunded_fen, opened_at, expires_at, disputed_at, paid_at, closed_at FROM payments"
    " WHERE (CAST(:status AS text) IS NULL OR status = :status)"
    " AND (NOT :is_disputed OR disputed_at IS NOT NULL)"
    " AND payment_id < :before ORDER BY payment_id DESC LIMIT :limit"
)
_ONE = text(
    "SELECT payment_id, order_id, order_number, member_id, status, method, transaction_id, amount_fen, paid_fen,"
    " refunded_fen, opened_at, expires_at, disputed_at, paid_at, closed_at FROM payments WHERE order_id = :order_id"
)
_ATTEMPTS = text(
    "SELECT out_trade_no, number, status, transaction_id, paid_fen, surplus_reason, initiated_at, prepaid_at, queried_at,"
    " paid_at, closed_at, last_error FROM attempts WHERE payment_id = :payment_id ORDER BY number"
)
_NOTICES = text(
    "SELECT n.kind, n.notice_id, n.event_type, n.out_trade_no, n.received_at FROM notices n"
    " JOIN attempts a USING (out_trade_no) WHERE a.payment_id = :payment_id ORDER BY n.received_at, n.notice_id"
)
_REFUNDS = text(
    "SELECT refund_id, refund_number, kind, out_trade_no, refund_fen, reason, status, failure, requested_at,"
    " refunded_at, evidence AS settled_outside FROM refunds LEFT JOIN outside_settlements USING (refund_id)"
    " WHERE payment_id = :payment_id ORDER BY requested_at, refund_id"
)
_DECISIONS = text(
    "SELECT decision, reason, disputed_at, decided_by, decided_at FROM dispute_decisions"
    " WHERE payment_id = :payment_id ORDER BY decided_at, decision_id"
)
_LEDGER = text(
    "SELECT j.journal_id, j.source_type, j.source_id, j.kind, j.posted_at, e.account, e.amount_fen"
    " FROM journals j JOIN journal_entries e USING (journal_id) WHERE j.payment_id = :payment_id"
    " ORDER BY j.posted_at, j.journal_id, e.amount_fen DESC"
)
_SURPLUS = text(
    "SELECT r.refund_id, a.out_trade_no, a.transaction_id, a.surplus_reason AS reason, a.paid_fen, a.paid_at,"
    " p.order_id, p.order_number, p.member_id, r.refund_number, r.status AS refund_status, r.failure, r.requested_at,"
    " r.refunded_at, s.evidence AS settled_outside"
    " FROM refunds r JOIN attempts a USING (out_trade_no) JOIN payments p ON p.payment_id = r.payment_id"
    " LEFT JOIN outside_settlements s USING (refund_id)"
    " WHERE r.kind = 'surplus' AND r.refund_id < :before"
    " AND (CAST(:reason AS text) IS NULL OR a.surplus_reason = :reason)"
    " AND (CAST(:refund_status AS text) IS NULL OR r.status = :refund_status)"
    " ORDER BY r.refund_id DESC LIMIT :limit"
)


async def list_payments(
    connection: Connection, *, status: str | None, is_disputed: bool, before: UUID, limit: int
) -> list[dict[str, Any]]:
    """Payments, newest first."""
    rows = await connection.execute(
        _LIST, {"status": status, "is_disputed": is_disputed, "before": before, "limit": limit}
    )
    return [dict(row) for row in rows]


async def list_surplus_payments(
    connection: Connection, *, reason: str | None, refund_status: str | None, before: UUID, limit: int
) -> list[dict[str, Any]]:
    """Money that no order wanted, newest first, from before the refund that ended the page before."""
    rows = await connection.execute(
        _SURPLUS, {"reason": reason, "refund_status": refund_status, "before": before, "limit": limit}
    )
    return [dict(row) for row in rows]


async def payment_of(connection: Connection, order_id: UUID) -> dict[str, Any] | None:
    """An order's payment with its attempts, notices, refunds, decided disputes and journal entries."""
    row = (await connection.execute(_ONE, {"order_id": order_id})).one_or_none()
    if row is None:
        return None
    found = dict(row)
    parts = {
        "attempts": _ATTEMPTS,
        "notices": _NOTICES,
        "refunds": _REFUNDS,
        "dispute_decisions": _DECISIONS,
        "ledger": _LEDGER,
    }
    for name, statement in parts.items():
        rows = await connection.execute(statement, {"payment_id": row.payment_id})
        found[name] = [dict(each) for each in rows]
    return found
