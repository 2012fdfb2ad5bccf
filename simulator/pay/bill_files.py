"""What bill files look like: back-ticks, yuan, a detail part and a summary part (wechat.md 5.11).

The file starts with a byte order mark and its lines end in CR LF, as seen in the field; a reader must cope. The
summary is that of the rows as they are printed, damaged or not.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

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
GARBLED = "9.999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One row of the trade bill; ``number`` is the merchant's, amounts are fen."""

    number: str
    order: Row
    at: float
    state: str = "SUCCESS"
    total_fen: int = 0
    coupon_fen: int = 0
    refund: Row | None = None
    refund_status: str = ""
    refund_fen: int = 0
    coupon_back_fen: int = 0
    fee_fen: int = 0
    is_garbled: bool = False

    def misstated(self) -> "Trade":
        """One fen too high."""
        if self.refund is None:
            return replace(self, total_fen=self.total_fen + 1)
        return replace(self, refund_fen=self.refund_fen + 1)

    def restated(self) -> "Trade":
        """In a state in which it is not."""
        if self.refund is None:
            return replace(self, state="REVOKED")
        return replace(self, refund_status="SUCCESS" if self.refund_status == "FAIL" else "FAIL")

    def garbled(self) -> "Trade":
        """With an amount that is no number of fen."""
        return replace(self, is_garbled=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One row of the fund bill; ``number`` is the voucher's."""

    number: str
    row: Row
    amount_fen: int
    is_garbled: bool = False

    def misstated(self) -> "Movement":
        """One fen too high."""
        return replace(self, amount_fen=self.amount_fen + 1)

    def restated(self) -> "Movement":
        """A business that nobody knows."""
        return replace(self, row={**self.row, "business": "其他"})

    def garbled(self) -> "Movement":
        """With an amount that is no number of fen."""
        return replace(self, is_garbled=True)


Printed = TypeVar("Printed", Trade, Movement)


def trades(platform: Platform, start: float, end: float, *, kind: str) -> str | None:
    """The trade bill of one day (`start` up to `end`), None when nothing happened.

    A refund belongs to the day it was asked for. The rules may damage rows, to test a reconciliation.
    """
    lines = list(_damaged(platform, "trade", _trades(platform, start, end, kind), _invented_trade))
    if not lines:
        return None
    summary = [
        str(len(lines)),
        yuan(sum(line.total_fen for line in lines)),
        yuan(sum(line.refund_fen for line in lines)),
        yuan(sum(line.coupon_back_fen for line in lines)),
        yuan(sum(line.fee_fen for line in lines)),
        yuan(sum(line.total_fen for line in lines) + platform.rules.bill_summary_differs_by_fen),
        yuan(sum(line.refund_fen for line in lines)),
    ]
    return _file(TRADE_COLUMNS, (_trade_cells(platform, line) for line in lines), TRADE_SUMMARY, summary)


def movements(platform: Platform, start: float, end: float) -> str | None:
    """The fund bill of one day (`start` up to `end`), None when no money moved."""
    rows = platform.books.rows("SELECT * FROM funds WHERE at >= ? AND at < ? ORDER BY id", start, end)
    told = [Movement(number=row["voucher"], row=row, amount_fen=row["amount_fen"]) for row in rows]
    lines = list(_damaged(platform, "fund", told, _invented_movement))
    if not lines:
        return None
    income = [line.amount_fen for line in lines if line.amount_fen > 0]
    spending = [-line.amount_fen for line in lines if line.amount_fen < 0]
    summary = [str(len(lines)), str(len(income)), yuan(sum(income)), str(len(spending)), yuan(sum(spending))]
    return _file(FUND_COLUMNS, map(_movement_cells, lines), FUND_SUMMARY, summary)


def yuan(amount_fen: int) -> str:
    """Fen as yuan with two decimals."""
    sign, amount_fen = ("-", -amount_fen) if amount_fen < 0 else ("", amount_fen)
    return f"{sign}{amount_fen // 100}.{amount_fen % 100:02}"


def _trades(platform: Platform, start: float, end: float, kind: str) -> list[Trade]:
    lines: list[Trade] = []
    if kind != "REFUND":
        payments = platform.books.rows(
            "SELECT * FROM transactions WHERE paid_at >= ? AND paid_at < ?", start, end
        )
        lines += map(_payment, payments)
    if kind != "SUCCESS":
        refunds = platform.books.rows(
            "SELECT r.*, t.transaction_id, t.openid, t.description, t.attach FROM refunds r"
            " JOIN transactions t USING (out_trade_no) WHERE r.created_at >= ? AND r.created_at < ?",
            start,
            end,
        )
        lines += map(_refund, refunds)
    return sorted(lines, key=lambda line: line.at)


def _payment(row: Row) -> Trade:
    return Trade(
        number=row["out_trade_no"],
        order=row,
        at=row["paid_at"],
        total_fen=row["total_fen"],
        coupon_fen=row["total_fen"] - row["payer_total_fen"],
        fee_fen=row["fee_fen"],
    )


def _refund(row: Row) -> Trade:
    return Trade(
        number=row["out_refund_no"],
        order=row,
        at=row["created_at"],
        state="REFUND",
        refund=row,
        refund_status=REFUND_WORDS[row["status"]],
        refund_fen=row["refund_fen"],
        coupon_back_fen=row["refund_fen"] - row["payer_refund_fen"],
        fee_fen=-row["fee_back_fen"],
    )


def _damaged(
    platform: Platform, bill: str, lines: Iterable[Printed], invent: Callable[[Printed, str], Printed]
) -> Iterator[Printed]:
    """The lines as the rules want them printed; an invented one comes last."""
    kinds = {each.number: each.kind for each in platform.rules.bill_damages if each.bill == bill}
    line = None
    for line in lines:
        match kinds.get(line.number):
            case "omit":
                pass
            case "misstate":
                yield line.misstated()
            case "restate":
                yield line.restated()
            case "garble":
                yield line.garbled()
            case "repeat":
                yield line
                yield line
            case _:
                yield line
    if line is not None:
        yield from (invent(line, number) for number, kind in kinds.items() if kind == "invent")


def _invented_trade(pattern: Trade, number: str) -> Trade:
    order = {**pattern.order, "transaction_id": f"invented-{number}", "out_trade_no": number}
    return Trade(number=number, order=order, at=pattern.at, total_fen=1)


def _invented_movement(pattern: Movement, number: str) -> Movement:
    row = {**pattern.row, "reference": f"invented-{number}", "voucher": number, "business": "交易"}
    return Movement(number=number, row=row, amount_fen=1)


def _trade_cells(platform: Platform, line: Trade) -> list[Any]:
    merchant, order, refund = platform.merchant, line.order, line.refund
    numbers = (order["transaction_id"], order["out_trade_no"], order["openid"])
    back = (yuan(line.refund_fen), yuan(line.coupon_back_fen))
    return [
        *(_time(line.at), merchant.appid, merchant.mchid, "0", "", *numbers),
        *("JSAPI", line.state, "OTHERS", "CNY", yuan(line.total_fen), yuan(line.coupon_fen)),
        *(("0", "0") if refund is None else (refund["refund_id"], refund["out_refund_no"])),
        *(*back, "" if refund is None else "ORIGINAL", line.refund_status),
        *(order["description"], order["attach"] or "", yuan(line.fee_fen), _rate(platform)),
        *(GARBLED if line.is_garbled else yuan(line.total_fen), yuan(line.refund_fen), ""),
    ]


def _movement_cells(line: Movement) -> list[Any]:
    row, business = line.row, line.row["business"]
    names = {"分": "分账", "退": "退款", "充": "充值", "提": "提现"}
    return [
        _time(row["at"]),
        row["reference"],
        f"{row['reference']}{row['id']:06}",
        names.get(business[0], "交易"),
        business,
        "收入" if line.amount_fen > 0 else "支出",
        GARBLED if line.is_garbled else yuan(abs(line.amount_fen)),
        yuan(row["balance_fen"]),
        "system",
        row["note"],
        row["voucher"],
    ]


def _rate(platform: Platform) -> str:
    return f"{platform.rules.fee_bp / 100:.2f}%"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _file(columns: str, lines: Iterable[list[Any]], summary_columns: str, summary: list[str]) -> str:
    parts = [columns, *map(_line, lines), summary_columns, _line(summary)]
    return "\ufeff" + "".join(f"{part}\r\n" for part in parts)


def _line(cells: list[Any]) -> str:
    clean = (str(cell).replace(",", "，").replace("\r", " ").replace("\n", " ") for cell in cells)
    return ",".join("`" + cell for cell in clean)
