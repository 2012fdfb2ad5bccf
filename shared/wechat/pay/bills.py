"""The platform's daily bills: files in yuan, read a few rows at a time into fen (wechat.md 5.11).

A bill may hold millions of rows, so it is never in memory as a whole: `check_bill` proves a downloaded file by its
hash, `OpenBill` reads it forwards.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from io import BufferedReader
from itertools import islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from shared.wechat.pay.errors import BillDiffers, MalformedAnswer

FILE_LIMIT_BYTES = 1 << 30
"""The longest file that is downloaded, some ten million gzipped rows."""
PLAIN_LIMIT_BYTES = 8 << 30
NUMBER_LIMIT = 64
"""The longest number of the platform or the merchant (wechat.md 5.10)."""
_CHUNK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_YUAN = re.compile(r"-?\d{1,12}(\.\d{1,8})?")

Row = TypeVar("Row")
Summary = TypeVar("Summary")


class BillKind(StrEnum):
    """Which bill of a day: what was traded, or how the merchant's balance moved."""

    TRADE = "trade"
    FUND = "fund"


@dataclass(frozen=True, slots=True)
class BillLink:
    """Where a bill lies for a short while, and the SHA-1 of its plain bytes, in lower case."""

    url: str
    sha1: str


@dataclass(frozen=True, slots=True)
class CheckedBill:
    """What a proved file holds: plain bytes and detail rows."""

    bytes: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A payment (`trade_state` SUCCESS) or a refund (REFUND, which repeats the order's numbers)."""

    trade_time: datetime
    appid: str
    mchid: str
    transaction_id: str
    out_trade_no: str
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
class TradeSummary:
    """What a trade bill says of itself as a whole."""

    rows: int
    total_fen: int
    settlement_total_fen: int
    applied_refund_fen: int
    refund_fen: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FundFlowSummary:
    """What a fund flow bill says of itself as a whole; both amounts are positive."""

    rows: int
    income_rows: int
    income_fen: int
    spending_rows: int
    spending_fen: int


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A detail row that is not understood, and why; nothing of it is guessed."""

    reason: str


@dataclass(frozen=True, slots=True)
class BillForm(Generic[Row, Summary]):
    """How one kind of bill is read: the wanted columns in the order in which `row` takes their values."""

    columns: tuple[str, ...]
    row: Callable[[tuple[str, ...]], Row]
    summary: Callable[[Mapping[str, str]], Summary]


def check_bill(path: Path, *, sha1: str) -> CheckedBill:
    """Prove that a downloaded bill, gzipped or not, is the announced one: the hash is over the plain bytes.

    Raises `BillDiffers`.
    """
    digest, size, lines, last = hashlib.sha1(), 0, 0, b"\n"
    try:
        with _plain(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                lines += (last + chunk).count(b"\n`")
                last = chunk[-1:]
                if size > PLAIN_LIMIT_BYTES:
                    raise BillDiffers("bill: too long")
    except (OSError, EOFError, zlib.error) as error:
        raise BillDiffers(f"bill: {error!r}") from error
    if digest.hexdigest() != sha1.lower():
        raise BillDiffers("bill: the file is not the one that was announced")
    return CheckedBill(bytes=size, rows=max(lines - 1, 0))


class OpenBill(Generic[Row, Summary]):
    """A bill's file read forwards; `summary` is there once every row has been taken."""

    def __init__(self, path: Path, form: BillForm[Row, Summary]) -> None:
        self._form = form
        self._file = _plain(path)
        self._lines = iter(self._file)
        self._columns = 0
        self._wanted: Callable[[list[str]], tuple[str, ...]] | None = None
        self.summary: Summary | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def skip(self, rows: int) -> None:
        """Pass quickly over rows that were taken before; raises `MalformedAnswer`."""
        if rows == 0 or self._detail() is None:
            return
        try:
            for _ in islice((line for line in self._lines if line.startswith(b"`")), rows - 1):
                pass
        except (OSError, EOFError, zlib.error) as error:
            raise MalformedAnswer(f"bill: {error!r}") from error

    def take(self, limit: int) -> list[Row | UnreadableRow]:
        """The next rows, fewer than the limit at the end of the details; raises `MalformedAnswer`."""
        rows: list[Row | UnreadableRow] = []
        while len(rows) < limit and (cells := self._detail()) is not None:
            rows.append(self._read(cells))
        return rows

    def _read(self, cells: list[str]) -> Row | UnreadableRow:
        assert self._wanted is not None
        if len(cells) != self._columns:
            return UnreadableRow(f"{len(cells)} values under {self._columns} columns")
        try:
            return self._form.row(self._wanted(cells))
        except (KeyError, ValueError) as error:
            return UnreadableRow(str(error)[:200])

    def _detail(self) -> list[str] | None:
        """The next detail row's values; at the end of the details their summary is read instead."""
        if self.summary is not None:
            return None
        while (line := self._line()) is not None:
            if line.startswith("`"):
                if self._wanted is None:
                    raise MalformedAnswer("bill: a row without a header")
                return _cells(line)
            if self._wanted is None:
                self._start(line.split(","))
            else:
                self._end(line.split(","))
                return None
        raise MalformedAnswer("bill: no summary")

    def _start(self, names: list[str]) -> None:
        try:
            positions = [names.index(name) for name in self._form.columns]
        except ValueError as error:
            raise MalformedAnswer(f"bill: {error}") from error
        self._columns, self._wanted = len(names), itemgetter(*positions)

    def _end(self, names: list[str]) -> None:
        try:
            self.summary = self._form.summary(dict(zip(names, _cells(self._line() or ""), strict=True)))
        except (KeyError, ValueError) as error:
            raise MalformedAnswer(f"bill: summary: {error!r}") from error

    def _line(self) -> str | None:
        """The next line that is not empty, without its end; a lone carriage return inside it stays."""
        try:
            for line in self._lines:
                if text := line.decode("utf-8-sig" if self._wanted is None else "utf-8").rstrip("\r\n"):
                    return text
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise MalformedAnswer(f"bill: {error!r}") from error
        return None


def _plain(path: Path) -> BufferedReader | gzip.GzipFile:
    with path.open("rb") as file:
        is_gzipped = file.read(2) == _GZIP
    return gzip.open(path, "rb") if is_gzipped else path.open("rb")


def _cells(line: str) -> list[str]:
    # Each value starts with a back-tick, so a comma inside merchant text does no harm; headers have none.
    return line[1:].split(",`")


def _trade_row(cells: tuple[str, ...]) -> TradeRow:
    total, settlement, applied, refund, fee = (_fen(yuan) for yuan in cells[8:13])
    return TradeRow(
        trade_time=_time(cells[0]),
        appid=cells[1],
        mchid=cells[2],
        transaction_id=_number(cells[3]),
        out_trade_no=_number(cells[4]),
        trade_type=cells[5],
        trade_state=_number(cells[6]),
        currency=cells[7],
        total_fen=total,
        settlement_total_fen=settlement,
        applied_refund_fen=applied,
        refund_fen=refund,
        fee_fen=fee,
        refund_id=_number(cells[13]),
        out_refund_no=_number(cells[14]),
        refund_status=_number(cells[15]),
    )


def _trade_summary(cells: Mapping[str, str]) -> TradeSummary:
    return TradeSummary(
        rows=int(cells["总交易单数"]),
        total_fen=_fen(cells["订单总金额"]),
        settlement_total_fen=_fen(cells["应结订单总金额"]),
        applied_refund_fen=_fen(cells["申请退款总金额"]),
        refund_fen=_fen(cells["退款总金额"]),
        fee_fen=_fen(cells["手续费总金额"]),
    )


def _fund_flow_row(cells: tuple[str, ...]) -> FundFlowRow:
    sign = {"收入": 1, "支出": -1}.get(cells[5])
    if sign is None:
        raise ValueError(f"neither income nor spending: {cells[5][:20]!r}")
    return FundFlowRow(
        accounted_at=_time(cells[0]),
        business_no=_number(cells[1]),
        flow_no=_number(cells[2]),
        business_name=cells[3],
        business_type=_number(cells[4]),
        amount_fen=sign * _fen(cells[6]),
        balance_fen=_fen(cells[7]),
        remark=cells[8],
        voucher_no=_number(cells[9]),
    )


def _fund_flow_summary(cells: Mapping[str, str]) -> FundFlowSummary:
    return FundFlowSummary(
        rows=int(cells["资金流水总笔数"]),
        income_rows=int(cells["收入笔数"]),
        income_fen=_fen(cells["收入金额"]),
        spending_rows=int(cells["支出笔数"]),
        spending_fen=_fen(cells["支出金额"]),
    )


@lru_cache(maxsize=4096)
def _fen(yuan: str) -> int:
    """Yuan as fen, exactly: what is not a whole number of fen is refused, never rounded (K1)."""
    if not _YUAN.fullmatch(yuan):
        raise ValueError(f"not an amount in yuan: {yuan[:30]!r}")
    fen = Decimal(yuan).scaleb(2)
    if fen != (whole := int(fen)):
        raise ValueError(f"not whole fen: {yuan}")
    return whole


def _number(text: str) -> str:
    """A number or word that can be stored and looked up."""
    if len(text) > NUMBER_LIMIT:
        raise ValueError(f"a number of {len(text)} characters")
    if "\0" in text:
        raise ValueError("a number with a null character")
    return text


def _time(text: str) -> datetime:
    if len(text) != 19:
        raise ValueError(f"not a time: {text[:30]!r}")
    return datetime.fromisoformat(text + "+08:00").astimezone(UTC)


TRADE_FORM: BillForm[TradeRow, TradeSummary] = BillForm(
    columns=(
        *("交易时间", "公众账号ID", "商户号", "微信订单号", "商户订单号", "交易类型", "交易状态", "货币种类"),
        *("订单金额", "应结订单金额", "申请退款金额", "退款金额", "手续费"),
        *("微信退款单号", "商户退款单号", "退款状态"),
    ),
    row=_trade_row,
    summary=_trade_summary,
)
FUND_FLOW_FORM: BillForm[FundFlowRow, FundFlowSummary] = BillForm(
    columns=(
        *("记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型"),
        *("收支金额(元)", "账户结余(元)", "备注", "业务凭证号"),
    ),
    row=_fund_flow_row,
    summary=_fund_flow_summary,
)
