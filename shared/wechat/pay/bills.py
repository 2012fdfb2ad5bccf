"""The platform's daily bills: files in yuan, read into rows in fen (wechat.md 5.11)."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeVar

from shared.wechat.pay.errors import MalformedAnswer

FILE_LIMIT_BYTES = 256 << 20
_CHINA = timezone(timedelta(hours=8))

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A payment (`trade_state` SUCCESS) or a refund (REFUND, which repeats the order's numbers).

    The platform gives fees in fractions of a fen; `fee_fen` is rounded half up.
    """

    trade_time: datetime
    appid: str
    mchid: str
    transaction_id: str
    out_trade_no: str
    openid: str
    trade_type: str
    trade_state: str
    currency: str
    total_fen: int
    settlement_total_fen: int
    refund_id: str
    out_refund_no: str
    applied_refund_fen: int
    refund_fen: int
    refund_status: str
    fee_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FundFlowRow:
    """One movement of the merchant's balance; `amount_fen` is negative when money left (支出)."""

    accounted_at: datetime
    business_no: str
    flow_no: str
    business_name: str
    business_type: str
    amount_fen: int
    balance_fen: int
    remark: str
    voucher_no: str


def unpack(file: bytes, *, sha1: str) -> str:
    """The text of a downloaded bill, gzipped or not, whose hash over the plain bytes must be `sha1`.

    Raises `MalformedAnswer`.
    """
    if file.startswith(b"\x1f\x8b"):
        unzip = zlib.decompressobj(wbits=31)
        try:
            file = unzip.decompress(file, FILE_LIMIT_BYTES)
        except zlib.error as error:
            raise MalformedAnswer(f"bill: {error}") from error
        if not unzip.eof:
            raise MalformedAnswer("bill: incomplete or too long")
    if hashlib.sha1(file).hexdigest() != sha1.lower():
        raise MalformedAnswer("bill: the file is not the one that was announced")
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedAnswer("bill: not UTF-8") from error


def trade_rows(text: str) -> tuple[TradeRow, ...]:
    """The rows of a trade bill; raises `MalformedAnswer`."""
    return _read(text, "总交易单数", _trade_row)


def fund_flow_rows(text: str) -> tuple[FundFlowRow, ...]:
    """The rows of a fund flow bill; raises `MalformedAnswer`."""
    return _read(text, "资金流水总笔数", _fund_flow_row)


def _trade_row(row: Mapping[str, str]) -> TradeRow:
    return TradeRow(
        trade_time=_time(row["交易时间"]),
        appid=row["公众账号ID"],
        mchid=row["商户号"],
        transaction_id=row["微信订单号"],
        out_trade_no=row["商户订单号"],
        openid=row["用户标识"],
        trade_type=row["交易类型"],
        trade_state=row["交易状态"],
        currency=row["货币种类"],
        total_fen=_fen(row["订单金额"]),
        settlement_total_fen=_fen(row["应结订单金额"]),
        refund_id=row["微信退款单号"],
        out_refund_no=row["商户退款单号"],
        applied_refund_fen=_fen(row["申请退款金额"]),
        refund_fen=_fen(row["退款金额"]),
        refund_status=row["退款状态"],
        fee_fen=int((Decimal(row["手续费"]) * 100).quantize(Decimal(1), ROUND_HALF_UP)),
    )


def _fund_flow_row(row: Mapping[str, str]) -> FundFlowRow:
    sign = {"收入": 1, "支出": -1}[row["收支类型"]]
    return FundFlowRow(
        accounted_at=_time(row["记账时间"]),
        business_no=row["微信支付业务单号"],
        flow_no=row["资金流水单号"],
        business_name=row["业务名称"],
        business_type=row["业务类型"],
        amount_fen=sign * _fen(row["收支金额(元)"]),
        balance_fen=_fen(row["账户结余(元)"]),
        remark=row["备注"],
        voucher_no=row["业务凭证号"],
    )


def _read(text: str, count_name: str, read_row: Callable[[Mapping[str, str]], Row]) -> tuple[Row, ...]:
    """Read a detail part under its header line, then check it against the count in the summary line."""
    try:
        lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
        *rows, summary = _tables(lines)
        if int(summary[count_name]) != len(rows):
            raise ValueError("rows are missing")
        return tuple(read_row(row) for row in rows)
    except (KeyError, ValueError, InvalidOperation) as error:
        raise MalformedAnswer(f"bill: {error!r}") from error


def _tables(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    names: list[str] = []
    for line in lines:
        # Each value starts with a back-tick, so a comma inside merchant text does no harm; headers have none.
        if line.startswith("`"):
            yield dict(zip(names, line[1:].split(",`"), strict=True))
        else:
            names = line.split(",")


def _fen(yuan: str) -> int:
    fen = Decimal(yuan) * 100
    if fen != int(fen):
        raise ValueError(f"not whole fen: {yuan}")
    return int(fen)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_CHINA).astimezone(UTC)
