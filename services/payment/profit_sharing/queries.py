"""What operators see of profit sharing; a fixed number of statements each."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_RECEIVERS = text(
    "SELECT receiver_id, kind, account, relation, custom_relation, status, added_at, last_error FROM share_receivers"
    " WHERE (CAST(:status AS text) IS NULL OR status = :status)"
    " AND receiver_id < :before ORDER BY receiver_id DESC LIMIT :limit"
)
_SHARING = (
    "SELECT s.payment_id, s.order_id, s.transaction_id, s.rule_version, s.status, s.paid_at, s.unfreeze_due_at,"
    " p.paid_fen, p.refunded_fen, p.fee_fen, p.shared_fen, p.share_back_fen"
    " FROM profit_shares s JOIN payments p USING (payment_id)"
)
_SHARINGS = text(
    f"{_SHARING} WHERE (CAST(:status AS text) IS NULL OR s.status = :status)"
    " AND s.payment_id < :before ORDER BY s.payment_id DESC LIMIT :limit"
)
_ONE = text(f"{_SHARING} WHERE s.order_id = :order_id")
_ORDERS = text(
    "SELECT out_order_no, number, kind, status, calls, wechat_order_id, requested_at, called_at, finished_at,"
    " last_error FROM share_orders WHERE payment_id = :payment_id ORDER BY number"
)
_PARTS = text(
    "SELECT p.out_order_no, p.receiver_id, p.amount_fen, p.back_fen, p.result, p.fail_reason, p.finished_at"
    " FROM share_parts p JOIN share_orders o USING (out_order_no) WHERE o.payment_id = :payment_id"
    " ORDER BY o.number, p.receiver_id"
)
_RETURNS = text(
    "SELECT out_return_no, refund_id, out_order_no, receiver_id, amount_fen, status, tries, requested_at, finished_at,"
    " failure FROM share_returns WHERE payment_id = :payment_id ORDER BY number"
)
_RETURN = text(
    "SELECT out_return_no, refund_id, out_order_no, receiver_id, amount_fen, status, tries, requested_at, finished_at,"
    " failure FROM share_returns WHERE out_return_no = :out_return_no"
)


async def list_receivers(
    connection: Connection, *, status: str | None, before: UUID, limit: int
) -> list[dict[str, Any]]:
    """Receivers, newest first, from before the last one of the page before."""
    rows = await connection.execute(_RECEIVERS, {"status": status, "before": before, "limit": limit})
    return [dict(row) for row in rows]


async def list_sharings(
    connection: Connection, *, status: str | None, before: UUID, limit: int
) -> list[dict[str, Any]]:
    """Payments whose money was to be shared, newest first, from before the last one of the page before."""
    rows = await connection.execute(_SHARINGS, {"status": status, "before": before, "limit": limit})
    return [dict(row) for row in rows]


async def sharing_of(connection: Connection, order_id: UUID) -> dict[str, Any] | None:
    """The sharing of an order's payment with its share orders, parts and returns."""
    row = (await connection.execute(_ONE, {"order_id": order_id})).one_or_none()
    if row is None:
        return None
    found = dict(row)
    for name, statement in {"orders": _ORDERS, "parts": _PARTS, "returns": _RETURNS}.items():
        rows = await connection.execute(statement, {"payment_id": row.payment_id})
        found[name] = [dict(each) for each in rows]
    return found


async def return_of(connection: Connection, out_return_no: str) -> dict[str, Any]:
    """One return, which exists."""
    return dict((await connection.execute(_RETURN, {"out_return_no": out_return_no})).one())
