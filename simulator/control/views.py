"""What the books say, for tests, checkers and the page. Times are shown in China's zone, amounts in fen."""

import json
from typing import Any

from simulator.books import Row
from simulator.clock import rfc3339
from simulator.mini import shipping
from simulator.pay import funds, notices, refunds, transactions
from simulator.platform import Platform

TOTALS = {
    "payments": "SELECT count(*) FROM transactions WHERE paid_at IS NOT NULL",
    "paid_fen": "SELECT coalesce(sum(total_fen), 0) FROM transactions WHERE paid_at IS NOT NULL",
    "payer_paid_fen": "SELECT coalesce(sum(payer_total_fen), 0) FROM transactions WHERE paid_at IS NOT NULL",
    "open_payments": "SELECT count(*) FROM transactions WHERE trade_state = 'NOTPAY'",
    "closed_payments": "SELECT count(*) FROM transactions WHERE trade_state = 'CLOSED'",
    "refunds": "SELECT count(*) FROM refunds WHERE status <> 'CLOSED'",
    "refunded_fen": "SELECT coalesce(sum(refund_fen), 0) FROM refunds WHERE status = 'SUCCESS'",
    "refunds_under_way_fen": (
        "SELECT coalesce(sum(refund_fen), 0) FROM refunds WHERE status IN ('PROCESSING', 'ABNORMAL')"
    ),
    "pending_notices": "SELECT count(*) FROM notices WHERE state = 'PENDING'",
    "delivered_notices": "SELECT count(*) FROM notices WHERE state = 'DELIVERED'",
    "messages": "SELECT count(*) FROM messages",
    "shipped_orders": "SELECT count(*) FROM shipping WHERE finished = 1",
}


SHARING = {
    "frozen": ("*", "out_trade_no"),
    "share_receivers": ("type, account, relation_type, custom_relation, added_at", "added_at"),
    "share_orders": ("out_order_no, order_id, out_trade_no, is_last, state, created_at", "created_at"),
    "shares": ("*", "created_at, detail_id"),
    "share_returns": (
        "out_return_no, return_id, out_order_no, return_mchid, amount_fen, result, fail_reason, created_at, finished_at",
        "created_at",
    ),
}
"""The columns and the order of the books of profit sharing."""


def payments(platform: Platform, *, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Orders in brief, newest first."""
    rows = platform.books.rows(
        "SELECT t.*, u.nickname FROM transactions t LEFT JOIN users u USING (openid)"
        " WHERE trade_state = coalesce(?, trade_state) ORDER BY t.created_at DESC LIMIT ?",
        state,
        limit,
    )
    return [_payment(platform, row) for row in rows]


def payment(platform: Platform, out_trade_no: str) -> dict[str, Any] | None:
    """Everything about one order: the transaction as WeChat shows it, refunds, notices, shipping."""
    order = transactions.find(platform, out_trade_no)
    if order is None:
        return None
    books = platform.books
    refund_rows = books.rows("SELECT * FROM refunds WHERE out_trade_no = ? ORDER BY created_at", out_trade_no)
    notice_rows = books.rows("SELECT * FROM notices WHERE out_trade_no = ? ORDER BY number", out_trade_no)
    prepay_rows = books.rows(
        "SELECT prepay_id, created_at FROM prepays WHERE out_trade_no = ? ORDER BY created_at", out_trade_no
    )
    return {
        **_payment(platform, order),
        "transaction": transactions.shown(platform, order),
        "prepays": [_timed(row) for row in prepay_rows],
        "refunds": [refunds.shown(platform, row) for row in refund_rows],
        "notices": [notice(platform, row) for row in notice_rows],
        "shipping": shipping.record(platform, out_trade_no),
    }


def notice(platform: Platform, row: Row) -> dict[str, Any]:
    """A notice with every attempt to deliver it."""
    shown = notices.shown(platform, row)
    return {**_timed(shown), "attempts": [_timed(attempt) for attempt in shown["attempts"]]}


def books(platform: Platform) -> dict[str, Any]:
    """Totals and every row, for checkers that compare a shop's books with these."""
    file = platform.books
    return {
        "totals": {name: file.value(sql) for name, sql in TOTALS.items()}
        | {"balance_fen": funds.balance_fen(file)},
        "payments": [
            _payment(platform, row) for row in file.rows("SELECT * FROM transactions ORDER BY created_at")
        ],
        "refunds": [
            _timed({name: value for name, value in row.items() if name != "request"})
            for row in file.rows("SELECT * FROM refunds ORDER BY created_at")
        ],
        "notices": [
            _timed({name: value for name, value in row.items() if name not in ("plaintext", "number")})
            for row in file.rows("SELECT * FROM notices ORDER BY number")
        ],
        "shipping": [
            _timed({**row, "parcels": json.loads(row["parcels"])})
            for row in file.rows("SELECT * FROM shipping ORDER BY uploaded_at")
        ],
        "messages": [
            _timed({**row, "data": json.loads(row["data"])})
            for row in file.rows("SELECT * FROM messages ORDER BY id")
        ],
        **{
            name: [_timed(row) for row in file.rows(f"SELECT {columns} FROM {name} ORDER BY {order}")]
            for name, (columns, order) in SHARING.items()
        },
        "funds": [_timed(row) for row in file.rows("SELECT * FROM funds ORDER BY id")],
    }


def overview(platform: Platform) -> dict[str, Any]:
    """What the page shows: open payments, and the latest of everything else."""
    file = platform.books
    return {
        "now": rfc3339(platform.clock.now()),
        "mchid": platform.merchant.mchid,
        "appid": platform.merchant.appid,
        "open": payments(platform, state="NOTPAY", limit=30),
        "payments": [
            row for row in payments(platform, state=None, limit=60) if row["trade_state"] != "NOTPAY"
        ][:20],
        "refunds": [
            _timed({name: value for name, value in row.items() if name != "request"})
            for row in file.rows("SELECT * FROM refunds ORDER BY created_at DESC LIMIT 12")
        ],
        "notices": [
            notice(platform, row) for row in file.rows("SELECT * FROM notices ORDER BY number DESC LIMIT 12")
        ],
        "totals": {name: file.value(sql) for name, sql in TOTALS.items()},
    }


def _payment(platform: Platform, row: Row) -> dict[str, Any]:
    expired = row["trade_state"] == "NOTPAY" and platform.clock.now() >= row["expires_at"]
    brief = {name: value for name, value in row.items() if name != "request"}
    return {**_timed(brief), "expired": expired}


def _timed(row: Row) -> dict[str, Any]:
    return {
        name: rfc3339(value) if isinstance(value, float) and (name == "at" or name.endswith("_at")) else value
        for name, value in row.items()
    }
