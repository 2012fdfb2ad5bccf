"""The rows of bills in the database: written a batch at a time, forgotten when the file was another one."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import text

from services.payment.reconciliation.domain import category_of, is_refund
from shared.connection import Connection
from shared.wechat.pay import BillKind, FundFlowRow, PaySettings, TradeRow

FORGOTTEN_AT_ONCE = 50_000

TABLES = {BillKind.TRADE: "trade_bill_rows", BillKind.FUND: "fund_bill_rows"}
COLUMNS = {
    BillKind.TRADE: {
        "row_number": "bigint",
        "kind": "text",
        "number": "text",
        "provider_number": "text",
        "out_trade_no": "text",
        "state": "text",
        "amount_fen": "bigint",
        "settled_fen": "bigint",
        "fee_fen": "bigint",
        "is_ours": "boolean",
        "traded_at": "timestamptz",
    },
    BillKind.FUND: {
        "row_number": "bigint",
        "category": "text",
        "business_type": "text",
        "business_no": "text",
        "flow_no": "text",
        "voucher_no": "text",
        "amount_fen": "bigint",
        "balance_fen": "bigint",
        "accounted_at": "timestamptz",
    },
}


def _insert(kind: BillKind) -> str:
    names = ", ".join(COLUMNS[kind])
    arrays = ", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in COLUMNS[kind].items())
    return f"INSERT INTO {TABLES[kind]} (bill_on, {names}) SELECT :bill_on, * FROM unnest({arrays})"


_INSERT = {kind: text(_insert(kind)) for kind in BillKind}
_FORGET = {
    kind: text(
        f"DELETE FROM {table} WHERE bill_on = :bill_on AND row_number < :limit +"
        f" (SELECT min(row_number) FROM {table} WHERE bill_on = :bill_on)"
    )
    for kind, table in TABLES.items()
}
_TOTALS = {
    BillKind.TRADE: text(
        "SELECT count(*) AS rows,"
        " count(*) FILTER (WHERE kind = 'payment') AS payments,"
        " count(*) FILTER (WHERE kind = 'refund') AS refunds,"
        " coalesce(sum(amount_fen) FILTER (WHERE kind = 'payment'), 0)::bigint AS total_fen,"
        " coalesce(sum(settled_fen) FILTER (WHERE kind = 'payment'), 0)::bigint AS settlement_total_fen,"
        " coalesce(sum(amount_fen) FILTER (WHERE kind = 'refund'), 0)::bigint AS applied_refund_fen,"
        " coalesce(-sum(settled_fen) FILTER (WHERE kind = 'refund'), 0)::bigint AS refund_fen,"
        " coalesce(sum(fee_fen), 0)::bigint AS fee_fen FROM trade_bill_rows WHERE bill_on = :bill_on"
    ),
    BillKind.FUND: text(
        "SELECT count(*) AS rows,"
        " count(*) FILTER (WHERE amount_fen > 0) AS income_rows,"
        " coalesce(sum(amount_fen) FILTER (WHERE amount_fen > 0), 0)::bigint AS income_fen,"
        " count(*) FILTER (WHERE amount_fen < 0) AS spending_rows,"
        " coalesce(-sum(amount_fen) FILTER (WHERE amount_fen < 0), 0)::bigint AS spending_fen"
        " FROM fund_bill_rows WHERE bill_on = :bill_on"
    ),
}


def trade_values(row_number: int, row: TradeRow, account: PaySettings) -> tuple[Any, ...]:
    """A trade row as it is stored: a payment, or a refund whose settled amount is negative."""
    is_ours = (row.mchid, row.appid, row.currency) == (account.mchid, account.appid, "CNY")
    if is_refund(row):
        return (
            *(row_number, "refund", row.out_refund_no, row.refund_id, row.out_trade_no, row.refund_status),
            *(row.applied_refund_fen, -row.refund_fen, row.fee_fen, is_ours, row.trade_time),
        )
    return (
        *(row_number, "payment", row.out_trade_no, row.transaction_id, row.out_trade_no, row.trade_state),
        *(row.total_fen, row.settlement_total_fen, row.fee_fen, is_ours, row.trade_time),
    )


def fund_values(row_number: int, row: FundFlowRow) -> tuple[Any, ...]:
    """A movement as it is stored."""
    return (
        *(row_number, category_of(row), row.business_type, row.business_no, row.flow_no, row.voucher_no),
        *(row.amount_fen, row.balance_fen, row.accounted_at),
    )


async def insert_rows(
    connection: Connection, bill_on: date, kind: BillKind, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write a batch in one statement; a row that is there already is refused."""
    if rows:
        columns = zip(COLUMNS[kind], map(list, zip(*rows, strict=True)), strict=True)
        await connection.execute(_INSERT[kind], {"bill_on": bill_on, **dict(columns)})


async def forget_rows(connection: Connection, bill_on: date, kind: BillKind) -> int:
    """Forget the first rows of a bill that turned out to be another file; returns how many, 0 when none are left."""
    done = await connection.execute(_FORGET[kind], {"bill_on": bill_on, "limit": FORGOTTEN_AT_ONCE})
    return done.rowcount


async def totals(connection: Connection, bill_on: date, kind: BillKind) -> dict[str, int]:
    """What a bill's readable rows come to, by the names of its summary."""
    return dict((await connection.execute(_TOTALS[kind], {"bill_on": bill_on})).one())
