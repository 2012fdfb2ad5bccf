"""What operators see of reconciliations; a fixed number of statements each."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_DAYS = (
    "SELECT r.bill_on, r.status, r.step, r.run, r.asked_at, r.compared_at, r.last_error, r.payments_compared,"
    " r.refunds_compared, r.fees_charged_fen, r.fees_returned_fen, c.closed_at, c.closed_by, c.payments,"
    " c.payments_fen, c.refunds, c.refunds_fen,"
    " (SELECT jsonb_object_agg(b.bill, jsonb_build_object('sha1', b.sha1, 'bytes', b.bytes, 'rows', b.rows,"
    "   'rows_read', b.rows_read, 'rows_compared', b.rows_compared, 'read_at', b.read_at))"
    "  FROM bills b WHERE b.bill_on = r.bill_on) AS bills,"
    " (SELECT jsonb_build_object('open', count(*) FILTER (WHERE d.status = 'open'),"
    "   'carried', count(*) FILTER (WHERE d.status = 'carried'),"
    "   'resolved', count(*) FILTER (WHERE d.status = 'resolved'))"
    "  FROM reconciliation_differences d WHERE d.bill_on = r.bill_on) AS differences"
    " FROM reconciliations r LEFT JOIN reconciliation_closings c USING (bill_on)"
)
_LIST = text(
    f"{_DAYS} WHERE (CAST(:status AS text) IS NULL OR r.status = :status)"
    " AND (CAST(:before AS date) IS NULL OR r.bill_on < :before) ORDER BY r.bill_on DESC LIMIT :limit"
)
_ONE = text(f"{_DAYS} WHERE r.bill_on = :bill_on")
_DIFFERENCE = (
    "SELECT difference_id, bill_on, bill, kind, number, bill_facts, books_facts, found_at, status, owner_role,"
    " owner_id, resolution, note, resolved_by, resolved_at FROM reconciliation_differences"
)
_DIFFERENCES = text(
    f"{_DIFFERENCE} WHERE (CAST(:bill_on AS date) IS NULL OR bill_on = :bill_on)"
    " AND (CAST(:status AS text) IS NULL OR status = :status) AND (CAST(:kind AS text) IS NULL OR kind = :kind)"
    " AND (CAST(:before_on AS date) IS NULL OR (bill_on, difference_id) < (:before_on, :before_id))"
    " ORDER BY bill_on DESC, difference_id DESC LIMIT :limit"
)
_ONE_DIFFERENCE = text(f"{_DIFFERENCE} WHERE difference_id = :difference_id")


async def list_days(
    connection: Connection, *, status: str | None, before: date | None, limit: int
) -> list[dict[str, Any]]:
    """Days, newest first, with their bills and the numbers of their differences."""
    rows = await connection.execute(_LIST, {"status": status, "before": before, "limit": limit})
    return [dict(row) for row in rows]


async def day_of(connection: Connection, bill_on: date) -> dict[str, Any] | None:
    """One day."""
    row = (await connection.execute(_ONE, {"bill_on": bill_on})).one_or_none()
    return None if row is None else dict(row)


async def list_differences(
    connection: Connection,
    *,
    bill_on: date | None,
    status: str | None,
    kind: str | None,
    before_on: date | None,
    before_id: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Differences of the newest days first."""
    rows = await connection.execute(
        _DIFFERENCES,
        {
            "bill_on": bill_on,
            "status": status,
            "kind": kind,
            "before_on": before_on,
            "before_id": before_id,
            "limit": limit,
        },
    )
    return [dict(row) for row in rows]


async def difference(connection: Connection, difference_id: UUID) -> dict[str, Any]:
    """One difference, which exists."""
    return dict((await connection.execute(_ONE_DIFFERENCE, {"difference_id": difference_id})).one())
