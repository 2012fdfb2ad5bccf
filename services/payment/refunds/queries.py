"""What operators see of refund attempts."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from shared.connection import Connection

_COLUMNS = (
    "a.out_refund_no, a.number, a.status, a.calls, a.wechat_refund_id, a.requested_at, a.called_at, a.finished_at,"
    " a.last_error, a.sent_to, r.refund_id, r.kind, r.order_id, r.out_trade_no, r.refund_fen, r.reason,"
    " r.status AS refund_status, r.failure, s.evidence AS settled_outside"
)
_TABLES = (
    "refund_attempts a JOIN refunds r USING (refund_id) LEFT JOIN outside_settlements s USING (refund_id)"
)
_LIST = text(
    f"SELECT {_COLUMNS} FROM {_TABLES}"
    " WHERE (CAST(:status AS text) IS NULL OR a.status = :status)"
    " AND (CAST(:before_at AS timestamptz) IS NULL OR (a.requested_at, a.out_refund_no) < (:before_at, :before_number))"
    " ORDER BY a.requested_at DESC, a.out_refund_no DESC LIMIT :limit"
)
_ONE = text(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE a.out_refund_no = :number")


async def list_refund_attempts(
    connection: Connection,
    *,
    status: str | None,
    before_at: datetime | None,
    before_number: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Refund attempts, newest first, from before the last one of the page before."""
    rows = await connection.execute(
        _LIST,
        {"status": status, "before_at": before_at, "before_number": before_number, "limit": limit},
    )
    return [dict(row) for row in rows]


async def refund_attempt(connection: Connection, out_refund_no: str) -> dict[str, Any]:
    """One refund attempt, which exists."""
    return dict((await connection.execute(_ONE, {"number": out_refund_no})).one())
