import base64
import gzip
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from shared.wechat.pay import BillNotReady, OutcomeUnknown, TradeRow
from shared.wechat.pay.bills import fund_flow_rows, trade_rows, unpack
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


async def trade_bill(*handlers: Handler) -> tuple[tuple[TradeRow, ...], PayEdge]:
    edge = PayEdge(*handlers)
    return await edge.client(clock=ManualTime()).trade_bill(DAY), edge


async def test_a_trade_bill_is_downloaded_checked_and_read_into_fen() -> None:
    [row], edge = await trade_bill(*offering(TEXT.encode(), FILE, hash_value=VECTOR["hash_value"]))

    assert row == TradeRow(
        trade_time=datetime(2026, 1, 2, 2, 11, 10, tzinfo=UTC),
        appid="wx75fcc2efb086dfed",
        mchid="1976463200",
        transaction_id=VECTOR["first_row"]["微信订单号"],
        out_trade_no=VECTOR["first_row"]["商户订单号"],
        openid="o6812q4UH3hDq8jgJWx0u1e3gsYZ",
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
    asked, downloaded = (request.url for request in edge.requests)
    assert asked.raw_path == b"/v3/bill/tradebill?bill_date=2026-01-02&bill_type=ALL&tar_type=GZIP"
    assert downloaded.raw_path == b"/v3/billdownload/file?token=a%2Fb"


async def test_the_signed_download_goes_to_the_configured_host_only() -> None:
    handlers = offering(TEXT.encode(), FILE, download_url="https://evil.test/v3/billdownload/file?token=t")

    _, edge = await trade_bill(*handlers)

    assert [request.url.host for request in edge.requests] == ["pay.test", "pay.test"]


async def test_a_day_without_trades_has_an_empty_bill() -> None:
    rows, _ = await trade_bill(answering(refusal(400, "NO_STATEMENT_EXIST")))

    assert rows == ()


async def test_a_bill_that_is_still_being_made_is_not_ready() -> None:
    with pytest.raises(BillNotReady):
        await trade_bill(answering(refusal(400, "STATEMENT_CREATING")))


@pytest.mark.parametrize(
    "handlers",
    [
        offering(b"another", FILE),
        offering(TEXT.encode(), FILE, hash_value=VECTOR["sha1_of_gzip_bytes"]),
        offering(TEXT.encode(), FILE[:-9]),
        offering(TEXT.encode(), FILE[:20] + b"\0\0\0\0" + FILE[24:]),
        offering(TEXT.encode(), FILE, hash_type="MD5"),
        offering(TEXT.encode(), FILE, download_url=None),
        offering(b"\xff\xfe", b"\xff\xfe"),
        [answering(httpx.Response(200, json=announced(TEXT.encode())))],
        [answering(sealed(announced(TEXT.encode()))), answering(refusal(500, "SYSTEM_ERROR"))],
    ],
    ids=["hash", "hash-of-gzip", "cut", "damaged", "md5", "no-url", "not-utf8", "unsigned", "no-file"],
)
async def test_a_file_that_is_not_the_announced_one_is_not_read(handlers: list[Handler]) -> None:
    with pytest.raises(OutcomeUnknown):
        await trade_bill(*handlers)


async def test_a_fund_flow_bill_gives_signed_amounts() -> None:
    edge = PayEdge(*offering(FUND_FLOW.encode(), gzip.compress(FUND_FLOW.encode())))

    income, spending = await edge.client(clock=ManualTime()).fund_flow_bill(DAY)

    assert (income.amount_fen, income.balance_fen) == (9980, 109980)
    assert (spending.amount_fen, spending.balance_fen) == (-4990, 104990)
    assert income.accounted_at == datetime(2026, 1, 2, 2, 11, 12, tzinfo=UTC)
    assert (income.business_no, income.flow_no, income.voucher_no) == ("4200001", "F1", "V1")
    assert spending.remark == "退款, 部分"
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
    ],
    ids=["plain", "bom", "crlf", "no-last-newline", "odd-text"],
)
def test_line_endings_marks_and_odd_text_change_nothing(text: str) -> None:
    plain = unpack(text.encode(), sha1=hashlib.sha1(text.encode()).hexdigest().upper())

    [row] = trade_rows(plain)
    assert row.total_fen == 9980


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a bill",
        TEXT.replace("`1,`99.80", "`2,`99.80"),
        TEXT.replace("订单金额", "金额"),
        TEXT.replace("`0.60%,`99.80", "`0.60%,`99.801"),
        TEXT.replace("`0.60%,`99.80", "`0.60%,`-"),
        TEXT.replace(",`JSAPI", ""),
        TEXT.replace("2026-01-02 10", "2026/01/02 10"),
    ],
)
def test_a_bill_that_is_not_understood_is_not_half_read(text: str) -> None:
    with pytest.raises(OutcomeUnknown, match="bill"):
        trade_rows(text)


def test_a_fund_flow_with_an_unknown_direction_is_not_guessed() -> None:
    with pytest.raises(OutcomeUnknown, match="bill"):
        fund_flow_rows(FUND_FLOW.replace("`支出", "`其他"))


@pytest.mark.parametrize(
    ("fee", "fee_fen"), [("0.59880", 60), ("0.00499", 0), ("0.00500", 1), ("-0.30000", -30)]
)
def test_fees_in_fractions_of_a_fen_are_rounded_half_up(fee: str, fee_fen: int) -> None:
    [row] = trade_rows(TEXT.replace("`0.60,`0.60%", f"`{fee},`0.60%"))

    assert row.fee_fen == fee_fen


@given(fen=st.integers(min_value=1, max_value=10**12))
def test_every_amount_in_yuan_is_read_to_the_fen(fen: int) -> None:
    yuan = f"{Decimal(fen) / 100:.2f}"

    [row] = trade_rows(TEXT.replace("`0.60%,`99.80", f"`0.60%,`{yuan}"))

    assert row.total_fen == fen
