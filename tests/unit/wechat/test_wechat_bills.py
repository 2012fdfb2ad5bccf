import base64
import gzip
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from shared.wechat.pay import (
    FUND_FLOW_FORM,
    TRADE_FORM,
    BillDiffers,
    BillKind,
    BillNotReady,
    CheckedBill,
    FundFlowRow,
    FundFlowSummary,
    MalformedAnswer,
    OpenBill,
    OutcomeUnknown,
    TradeRow,
    TradeSummary,
    UnreadableRow,
    WeChatPayRefused,
)
from shared.wechat.pay.bills import BillForm, Row, Summary, check_bill
from tests.unit.wechat.pay_edge import BOOK, Handler, ManualTime, PayEdge, answering, refusal, sealed

[VECTOR] = BOOK["vectors"]["trade_bill"]
FILE = base64.b64decode(VECTOR["file_gzip_b64"])
TEXT = gzip.decompress(FILE).decode()
DAY = date(2026, 1, 2)
FUND_FLOW = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号\r\n"
    "`2026-01-02 10:11:12,`4200001,`F1,`交易,`交易,`收入,`99.80,`1099.80,`system,`结算总金额 99.80 元,`V1\r\n"
    "`2026-01-02 23:59:59,`5030001,`F2,`退款,`退款,`支出,`49.90,`1049.90,`1900000001API,`退款, 部分,`V2\r\n"
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
    "`2,`1,`99.80,`1,`49.90\r\n"
)


def announced(
    file: bytes, *, url: str = "https://pay.test/v3/billdownload/file?token=a%2Fb"
) -> dict[str, Any]:
    return {"hash_type": "SHA1", "hash_value": hashlib.sha1(file).hexdigest(), "download_url": url}


def offering(text: bytes, file: bytes, **changes: Any) -> list[Handler]:
    """First the announcement, then the unsigned file."""
    return [answering(sealed(announced(text) | changes)), answering(httpx.Response(200, content=file))]


async def downloaded(
    path: Path, *handlers: Handler, kind: BillKind = BillKind.TRADE
) -> tuple[CheckedBill, PayEdge]:
    """Ask for a bill and download it."""
    edge = PayEdge(*handlers)
    client = edge.client(clock=ManualTime())
    link = await client.bill_link(kind, DAY)
    assert link is not None
    return await client.download_bill(link, path), edge


def read(path: Path, text: str, form: BillForm[Row, Summary]) -> tuple[list[Row | UnreadableRow], Any]:
    path.write_bytes(text.encode())
    with OpenBill(path, form) as bill:
        return bill.take(100), bill.summary


async def test_a_trade_bill_is_downloaded_checked_and_read_into_fen(tmp_path: Path) -> None:
    handlers = offering(TEXT.encode(), FILE, hash_value=VECTOR["hash_value"].upper())

    checked, edge = await downloaded(tmp_path / "bill", *handlers)

    assert checked == CheckedBill(bytes=len(TEXT.encode()), rows=1)
    with OpenBill(tmp_path / "bill", TRADE_FORM) as bill:
        [row] = bill.take(10)
        assert bill.take(10) == []
    assert row == TradeRow(
        trade_time=datetime(2026, 1, 2, 2, 11, 10, tzinfo=UTC),
        appid="wx75fcc2efb086dfed",
        mchid="1976463200",
        transaction_id=VECTOR["first_row"]["微信订单号"],
        out_trade_no=VECTOR["first_row"]["商户订单号"],
        trade_type="JSAPI",
        trade_state="SUCCESS",
        currency="CNY",
        total_fen=VECTOR["first_row_total_fen"],
        settlement_total_fen=9980,
        refund_id="0",
        out_refund_no="0",
        applied_refund_fen=0,
        refund_fen=0,
        refund_status="",
        fee_fen=60,
    )
    assert bill.summary == TradeSummary(
        rows=1, total_fen=9980, settlement_total_fen=9980, applied_refund_fen=0, refund_fen=0, fee_fen=60
    )
    asked, got = (request.url for request in edge.requests)
    assert asked.raw_path == b"/v3/bill/tradebill?bill_date=2026-01-02&bill_type=ALL&tar_type=GZIP"
    assert got.raw_path == b"/v3/billdownload/file?token=a%2Fb"


async def test_the_signed_download_goes_to_the_configured_host_only(tmp_path: Path) -> None:
    handlers = offering(TEXT.encode(), FILE, download_url="https://evil.test/v3/billdownload/file?token=t")

    _, edge = await downloaded(tmp_path / "bill", *handlers)

    assert [request.url.host for request in edge.requests] == ["pay.test", "pay.test"]


async def test_a_day_without_trades_has_no_bill() -> None:
    client = PayEdge(answering(refusal(400, "NO_STATEMENT_EXIST"))).client(clock=ManualTime())

    assert await client.bill_link(BillKind.FUND, DAY) is None


async def test_a_bill_that_is_still_being_made_is_not_ready() -> None:
    client = PayEdge(answering(refusal(400, "STATEMENT_CREATING"))).client(clock=ManualTime())

    with pytest.raises(BillNotReady):
        await client.bill_link(BillKind.TRADE, DAY)


async def test_an_expired_link_is_refused(tmp_path: Path) -> None:
    handlers = [answering(sealed(announced(FILE))), answering(refusal(400, "INVALID_REQUEST"))]

    with pytest.raises(WeChatPayRefused, match="INVALID_REQUEST"):
        await downloaded(tmp_path / "bill", *handlers)


@pytest.mark.parametrize(
    "handlers",
    [
        offering(b"another", FILE),
        offering(TEXT.encode(), FILE, hash_value=VECTOR["sha1_of_gzip_bytes"]),
        offering(TEXT.encode(), FILE[:-9]),
        offering(TEXT.encode(), FILE[:20] + b"\0\0\0\0" + FILE[24:]),
    ],
    ids=["hash", "hash-of-gzip", "cut", "damaged"],
)
async def test_a_file_that_is_not_the_announced_one_is_not_proved(
    handlers: list[Handler], tmp_path: Path
) -> None:
    with pytest.raises(BillDiffers):
        await downloaded(tmp_path / "bill", *handlers)


@pytest.mark.parametrize(
    "handlers",
    [
        offering(TEXT.encode(), FILE, hash_type="MD5"),
        offering(TEXT.encode(), FILE, download_url=None),
        [answering(httpx.Response(200, json=announced(TEXT.encode())))],
        [answering(sealed(announced(TEXT.encode()))), answering(refusal(500, "SYSTEM_ERROR"))],
    ],
    ids=["md5", "no-url", "unsigned", "no-file"],
)
async def test_a_bill_that_is_not_got_is_asked_for_again(handlers: list[Handler], tmp_path: Path) -> None:
    with pytest.raises(OutcomeUnknown):
        await downloaded(tmp_path / "bill", *handlers)


def test_a_fund_flow_bill_gives_signed_amounts(tmp_path: Path) -> None:
    rows, summary = read(tmp_path / "bill", FUND_FLOW, FUND_FLOW_FORM)

    income, spending = rows
    assert isinstance(income, FundFlowRow)
    assert isinstance(spending, FundFlowRow)
    assert (income.amount_fen, income.balance_fen) == (9980, 109980)
    assert (spending.amount_fen, spending.balance_fen) == (-4990, 104990)
    assert income.accounted_at == datetime(2026, 1, 2, 2, 11, 12, tzinfo=UTC)
    assert (income.business_no, income.flow_no, income.voucher_no) == ("4200001", "F1", "V1")
    assert spending.remark == "退款, 部分"
    assert summary == FundFlowSummary(
        rows=2, income_rows=1, income_fen=9980, spending_rows=1, spending_fen=4990
    )


async def test_a_fund_flow_bill_is_asked_for_of_the_basic_account(tmp_path: Path) -> None:
    handlers = offering(FUND_FLOW.encode(), gzip.compress(FUND_FLOW.encode()))

    checked, edge = await downloaded(tmp_path / "bill", *handlers, kind=BillKind.FUND)

    assert checked.rows == 2
    path = b"/v3/bill/fundflowbill?bill_date=2026-01-02&account_type=BASIC&tar_type=GZIP"
    assert edge.requests[0].url.raw_path == path


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        TEXT.replace("shop=7", "a,b\u2028c"),
        TEXT.replace("shop=7", "a\rb"),
        TEXT.replace("shop=7", "a\0b"),
    ],
    ids=["plain", "bom", "crlf", "no-last-newline", "odd-text", "carriage-return", "null"],
)
def test_line_endings_marks_and_odd_text_change_nothing(text: str, tmp_path: Path) -> None:
    [row], summary = read(tmp_path / "bill", text, TRADE_FORM)

    assert check_bill(tmp_path / "bill", sha1=hashlib.sha1(text.encode()).hexdigest()).rows == 1
    assert isinstance(row, TradeRow)
    assert row.total_fen == 9980
    assert summary is not None


def test_rows_that_were_taken_before_are_passed_over(tmp_path: Path) -> None:
    header, row, *summary = TEXT.split("\n")
    numbered = [row.replace("SH870272331947859814", f"SH{number}") for number in range(7)]
    (tmp_path / "bill").write_text("\n".join([header, *numbered, *summary]))

    with OpenBill(tmp_path / "bill", TRADE_FORM) as bill:
        bill.skip(3)
        taken = [each.out_trade_no for each in bill.take(2) if isinstance(each, TradeRow)]
        rest = [each.out_trade_no for each in bill.take(9) if isinstance(each, TradeRow)]

    assert (taken, rest) == (["SH3", "SH4"], ["SH5", "SH6"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a bill",
        TEXT.replace("订单金额", "金额"),
        TEXT[: TEXT.index("总交易单数")],
        TEXT.replace("`1,`99.80", "`x,`99.80"),
    ],
    ids=["empty", "another-file", "another-header", "no-summary", "another-summary"],
)
def test_a_file_that_is_not_understood_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedAnswer, match="bill"):
        read(tmp_path / "bill", text, TRADE_FORM)


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("`0.60%,`99.80", "`0.60%,`99.801", "not whole fen: 99.801"),
        ("`0.60%,`99.80", "`0.60%,`-", "not an amount in yuan: '-'"),
        ("`0.60%,`99.80", "`0.60%,`1e2", "not an amount in yuan: '1e2'"),
        ("`0.60,`0.60%", "`0.5988,`0.60%", "not whole fen: 0.5988"),
        (",`JSAPI", "", "26 values under 27 columns"),
        ("`SH870272331947859814", "`" + "9" * 65, "a number of 65 characters"),
        ("`SH870272331947859814", "`S\0", "a number with a null character"),
        ("2026-01-02 10", "2026/01/02 10", "Invalid isoformat string: '2026/01/02 10:11:10+08:00'"),
    ],
)
def test_a_row_that_is_not_understood_is_told_and_never_rounded(
    right: str, wrong: str, reason: str, tmp_path: Path
) -> None:
    rows, summary = read(tmp_path / "bill", TEXT.replace(right, wrong), TRADE_FORM)

    assert rows == [UnreadableRow(reason)]
    assert summary is not None


def test_a_fund_flow_with_an_unknown_direction_is_not_guessed(tmp_path: Path) -> None:
    rows, _ = read(tmp_path / "bill", FUND_FLOW.replace("`支出", "`其他"), FUND_FLOW_FORM)

    assert rows[1] == UnreadableRow("neither income nor spending: '其他'")


@pytest.mark.parametrize(("fee", "fee_fen"), [("0.60000", 60), ("0.00", 0), ("-0.30000", -30)])
def test_fees_may_have_more_decimals_than_fen_have(fee: str, fee_fen: int, tmp_path: Path) -> None:
    [row], _ = read(tmp_path / "bill", TEXT.replace("`0.60,`0.60%", f"`{fee},`0.60%"), TRADE_FORM)

    assert isinstance(row, TradeRow)
    assert row.fee_fen == fee_fen


@given(fen=st.integers(min_value=1, max_value=10**12))
def test_every_amount_in_yuan_is_read_to_the_fen(fen: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    yuan = f"{Decimal(fen) / 100:.2f}"

    path = tmp_path_factory.getbasetemp() / "one-bill"
    [row], _ = read(path, TEXT.replace("`0.60%,`99.80", f"`0.60%,`{yuan}"), TRADE_FORM)

    assert isinstance(row, TradeRow)
    assert row.total_fen == fen
