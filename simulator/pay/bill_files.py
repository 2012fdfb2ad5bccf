"""What bill files look like: back-ticks, yuan, a detail part and a summary part (wechat.md 5.11).

The file starts with a byte order mark and its lines end in CR LF, as seen in the field; a reader must cope.
"""

from datetime import datetime
from typing import Any

from simulator.books import Row
from simulator.clock import SHANGHAI
from simulator.platform import Platform

TRADE_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FUND_COLUMNS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
REFUND_WORDS = {"SUCCESS": "SUCCESS", "PROCESSING": "PROCESSING", "CLOSED": "FAIL", "ABNORMAL": "CHANGE"}


def trades(platform: Platform, start: float, end: float, *, kind: str) -> str | None:
    """The trade bill of one day (`start` up to `end`), None when nothing happened.

    A refund belongs to the day it was asked for. The rules may damage one row, to test a reconciliation.
    """
    payments: list[Row] = []
    refunds: list[Row] = []
    if kind != "REFUND":
        payments = platform.books.rows(
            "SELECT * FROM transactions WHERE paid_at >= ? AND paid_at < ? AND out_trade_no IS NOT ?",
            start,
            end,
            platform.rules.bill_omits_out_trade_no,
        )
    if kind != "SUCCESS":
        refunds = platform.books.rows(
            "SELECT r.*, t.transaction_id, t.openid, t.description, t.attach FROM refunds r"
            " JOIN transactions t USING (out_trade_no) WHERE r.created_at >= ? AND r.created_at < ?",
            start,
            end,
        )
    lines = [(row["paid_at"], _payment(platform, row)) for row in payments]
    lines += [(row["created_at"], _refund(platform, row)) for row in refunds]
    if not lines:
        return None
    lines.sort(key=lambda line: line[0])
    total_fen = sum(row["total_fen"] for row in payments)
    refunded_fen = sum(row["refund_fen"] for row in refunds)
    coupon_back_fen = sum(row["refund_fen"] - row["payer_refund_fen"] for row in refunds)
    fee_fen = sum(row["fee_fen"] for row in payments) - sum(row["fee_back_fen"] for row in refunds)
    summary = (total_fen, refunded_fen, coupon_back_fen, fee_fen, total_fen, refunded_fen)
    return _file(
        TRADE_COLUMNS,
        [cells for _, cells in lines],
        TRADE_SUMMARY,
        [str(len(lines)), *(yuan(amount) for amount in summary)],
    )


def movements(platform: Platform, start: float, end: float) -> str | None:
    """The fund bill of one day (`start` up to `end`), None when no money moved."""
    rows = platform.books.rows("SELECT * FROM funds WHERE at >= ? AND at < ? ORDER BY id", start, end)
    if not rows:
        return None
    lines = [
        [
            _time(row["at"]),
            row["reference"],
            f"{row['reference']}{row['id']:06}",
            "退款" if "退" in row["business"] else "交易",
            row["business"],
            "收入" if row["amount_fen"] > 0 else "支出",
            yuan(abs(row["amount_fen"])),
            yuan(row["balance_fen"]),
            "system",
            row["note"],
            row["voucher"],
        ]
        for row in rows
    ]
    income = [row["amount_fen"] for row in rows if row["amount_fen"] > 0]
    expense = [-row["amount_fen"] for row in rows if row["amount_fen"] < 0]
    summary = [
        str(len(rows)),
        str(len(income)),
        yuan(sum(income)),
        str(len(expense)),
        yuan(sum(expense)),
    ]
    return _file(FUND_COLUMNS, lines, FUND_SUMMARY, summary)


def yuan(amount_fen: int) -> str:
    """Fen as yuan with two decimals."""
    sign, amount_fen = ("-", -amount_fen) if amount_fen < 0 else ("", amount_fen)
    return f"{sign}{amount_fen // 100}.{amount_fen % 100:02}"


def _payment(platform: Platform, row: Row) -> list[Any]:
    total_fen = row["total_fen"]
    if row["out_trade_no"] == platform.rules.bill_misstates_out_trade_no:
        total_fen += 1
    amounts = (yuan(total_fen), yuan(row["total_fen"] - row["payer_total_fen"]))
    return [
        *_parties(platform, row["paid_at"], row),
        *("JSAPI", "SUCCESS", "OTHERS", "CNY", *amounts),
        *("0", "0", "0.00", "0.00", "", ""),
        *(row["description"], row["attach"] or "", yuan(row["fee_fen"]), _rate(platform)),
        *(yuan(total_fen), "0.00", ""),
    ]


def _refund(platform: Platform, row: Row) -> list[Any]:
    back = (yuan(row["refund_fen"]), yuan(row["refund_fen"] - row["payer_refund_fen"]))
    return [
        *_parties(platform, row["created_at"], row),
        *("JSAPI", "REFUND", "OTHERS", "CNY", "0.00", "0.00"),
        *(row["refund_id"], row["out_refund_no"], *back, "ORIGINAL", REFUND_WORDS[row["status"]]),
        *(row["description"], row["attach"] or "", yuan(-row["fee_back_fen"]), _rate(platform)),
        *("0.00", yuan(row["refund_fen"]), ""),
    ]


def _parties(platform: Platform, at: float, row: Row) -> list[str]:
    merchant = platform.merchant
    numbers = (row["transaction_id"], row["out_trade_no"], row["openid"])
    return [_time(at), merchant.appid, merchant.mchid, "0", "", *numbers]


def _rate(platform: Platform) -> str:
    return f"{platform.rules.fee_bp / 100:.2f}%"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _file(columns: str, lines: list[list[Any]], summary_columns: str, summary: list[str]) -> str:
    parts = [columns, *map(_line, lines), summary_columns, _line(summary)]
    return "\ufeff" + "".join(f"{part}\r\n" for part in parts)


def _line(cells: list[Any]) -> str:
    clean = (str(cell).replace(",", "，").replace("\r", " ").replace("\n", " ") for cell in cells)
    return ",".join("`" + cell for cell in clean)
