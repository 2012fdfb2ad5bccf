"""Trade and fund bills from the simulator's own ledger (wechat.md 5.11)."""

import gzip
import hashlib
from decimal import Decimal

from tests.simulator.support import Json, Merchant

TRADES = "/v3/bill/tradebill?bill_date=2026-01-02"
FUNDS = "/v3/bill/fundflowbill?bill_date=2026-01-02"


async def test_a_day_is_billed_from_ten_o_clock_on_the_next(merchant: Merchant) -> None:
    simulator = merchant.simulator
    await simulator.set_clock("2026-01-02T10:11:12+08:00")
    first = await merchant.paid(coupon_fen=500, attach="a,b")
    await merchant.paid(amount={"total": 1, "currency": "CNY"})
    asked = merchant.refund_of(first)
    await merchant.refund(asked)
    today = await merchant.call("GET", TRADES)
    assert (today.status_code, today.json()["code"]) == (400, "INVALID_REQUEST")
    await simulator.set_clock("2026-01-03T09:59:59+08:00")
    early = await merchant.call("GET", TRADES)
    assert (early.status_code, early.json()["code"]) == (400, "STATEMENT_CREATING")
    await simulator.set_clock("2026-01-03T10:00:00+08:00")
    rows, summary = await bill(merchant, TRADES + "&tar_type=GZIP")
    payment, second, refund = rows
    assert payment["商户订单号"] == refund["商户订单号"] == first
    assert payment["交易状态"] == second["交易状态"] == "SUCCESS"
    assert (payment["订单金额"], payment["代金券金额"], payment["手续费"]) == ("99.80", "5.00", "0.60")
    assert payment["交易时间"].startswith("2026-01-02 10:11:1")
    assert payment["商户数据包"] == "a，b"
    assert (second["订单金额"], second["手续费"], second["费率"]) == ("0.01", "0.00", "0.60%")
    assert (refund["交易状态"], refund["退款状态"]) == ("REFUND", "SUCCESS")
    assert refund["商户退款单号"] == asked["out_refund_no"]
    assert (refund["退款金额"], refund["申请退款金额"], refund["手续费"]) == ("49.90", "49.90", "-0.30")
    assert refund["充值券退款金额"] == "2.50"
    assert summary["总交易单数"] == "3"
    assert Decimal(summary["应结订单总金额"]) == sum(Decimal(row["应结订单金额"]) for row in rows)
    assert Decimal(summary["退款总金额"]) == Decimal("49.90")
    assert Decimal(summary["手续费总金额"]) == sum(Decimal(row["手续费"]) for row in rows)


async def test_the_fund_bill_walks_the_balance(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    number = await merchant.paid()
    await merchant.refund(merchant.refund_of(number))
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    rows, summary = await bill(merchant, FUNDS)
    balance = Decimal(0)
    for row in rows:
        sign = 1 if row["收支类型"] == "收入" else -1
        balance += sign * Decimal(row["收支金额(元)"])
        assert Decimal(row["账户结余(元)"]) == balance
    assert balance == Decimal("49.60")
    assert [row["业务类型"] for row in rows] == ["交易", "扣除交易手续费", "退款", "退还交易手续费"]
    assert summary["资金流水总笔数"] == "4"
    assert Decimal(summary["收入金额"]) - Decimal(summary["支出金额"]) == balance


async def test_a_day_belongs_to_china(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T23:59:50+08:00")
    before = await merchant.paid()
    await merchant.simulator.set_clock("2026-01-03T00:00:00+08:00")
    await merchant.paid()
    await merchant.simulator.set_clock("2026-01-04T10:00:00+08:00")
    rows, _ = await bill(merchant, TRADES)
    assert [row["商户订单号"] for row in rows] == [before]


async def test_a_bill_may_be_asked_for_by_kind(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    number = await merchant.paid()
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    await merchant.refund(merchant.refund_of(number))
    payments, _ = await bill(merchant, TRADES + "&bill_type=SUCCESS")
    assert [row["商户订单号"] for row in payments] == [number]
    none = await merchant.call("GET", TRADES + "&bill_type=REFUND")
    assert (none.status_code, none.json()["code"]) == (400, "NO_STATEMENT_EXIST")


async def test_empty_days_and_wrong_parameters_are_refused(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-04-20T12:00:00+08:00")
    cases = [
        ("/v3/bill/tradebill?bill_date=2026-04-19", "NO_STATEMENT_EXIST"),
        ("/v3/bill/fundflowbill?bill_date=2026-04-19", "NO_STATEMENT_EXIST"),
        ("/v3/bill/tradebill?bill_date=2026-04-20", "INVALID_REQUEST"),
        ("/v3/bill/tradebill?bill_date=2026-01-02", "INVALID_REQUEST"),
        ("/v3/bill/tradebill?bill_date=20260419", "PARAM_ERROR"),
        ("/v3/bill/tradebill", "PARAM_ERROR"),
        ("/v3/bill/tradebill?bill_date=2026-04-19&bill_type=SOME", "PARAM_ERROR"),
    ]
    for url, code in cases:
        answer = await merchant.call("GET", url)
        assert (answer.status_code, answer.json()["code"]) == (400, code), url


async def test_a_download_link_needs_a_signature_and_lives_five_minutes(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    await merchant.paid()
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    url = (await merchant.call("GET", TRADES)).json()["download_url"]
    path = url.removeprefix(merchant.simulator.url)
    bare = await merchant.client.get(path)
    assert (bare.status_code, bare.json()["code"]) == (401, "SIGN_ERROR")
    assert (await merchant.call("GET", path)).status_code == 200
    await merchant.simulator.advance(300)
    assert (await merchant.call("GET", path)).status_code == 400


async def test_a_link_may_live_half_a_minute(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    await merchant.paid()
    await merchant.simulator.control("PUT", "/rules", {"bill_link_seconds": 30})
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    url = (await merchant.call("GET", TRADES)).json()["download_url"]
    path = url.removeprefix(merchant.simulator.url)
    await merchant.simulator.advance(28)
    assert (await merchant.call("GET", path)).status_code == 200
    await merchant.simulator.advance(2)
    expired = await merchant.call("GET", path)
    assert (expired.status_code, expired.json()["code"]) == (400, "INVALID_REQUEST")


async def test_a_bill_can_be_made_wrong_for_a_reconciliation_to_find(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    one, two, three, four, five = [await merchant.paid() for _ in range(5)]
    kinds = {
        one: "omit",
        two: "misstate",
        three: "restate",
        four: "repeat",
        five: "garble",
        "MADEUP": "invent",
    }
    damages = [{"kind": kind, "number": number} for number, kind in kinds.items()]
    await merchant.simulator.control("PUT", "/rules", {"bill_damages": damages})
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    rows, summary = await bill(merchant, TRADES)
    assert [(row["商户订单号"], row["订单金额"], row["交易状态"]) for row in rows] == [
        (two, "99.81", "SUCCESS"),
        (three, "99.80", "REVOKED"),
        (four, "99.80", "SUCCESS"),
        (four, "99.80", "SUCCESS"),
        (five, "9.999", "SUCCESS"),
        ("MADEUP", "0.01", "SUCCESS"),
    ]
    assert (summary["总交易单数"], summary["订单总金额"]) == ("6", "499.02")


async def test_a_fund_bill_can_be_made_wrong_too(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    one, two = await merchant.paid(), await merchant.paid()
    damages = [
        {"bill": "fund", "kind": "omit", "number": one},
        {"bill": "fund", "kind": "restate", "number": two},
    ]
    await merchant.simulator.control("PUT", "/rules", {"bill_damages": damages})
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    rows, _ = await bill(merchant, FUNDS)
    assert [(row["业务凭证号"], row["业务类型"]) for row in rows] == [(two, "其他"), (two, "其他")]


async def test_a_bill_can_be_announced_with_the_hash_of_another_file(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T10:11:12+08:00")
    await merchant.paid()
    await merchant.simulator.set_clock("2026-01-03T10:00:00+08:00")
    right = (await merchant.call("GET", TRADES)).json()["hash_value"]
    await merchant.simulator.control("PUT", "/rules", {"bill_hash_is_wrong": True})
    assert (await merchant.call("GET", TRADES)).json()["hash_value"] != right


async def test_a_day_may_end_before_midnight(merchant: Merchant) -> None:
    await merchant.simulator.set_clock("2026-01-02T23:59:30+08:00")
    await merchant.paid()
    await merchant.simulator.control("PUT", "/rules", {"bill_day_ends_early_seconds": 60})
    await merchant.simulator.set_clock("2026-01-04T10:00:00+08:00")
    empty = await merchant.call("GET", TRADES)
    assert (empty.status_code, empty.json()["code"]) == (400, "NO_STATEMENT_EXIST")
    rows, _ = await bill(merchant, TRADES.replace("01-02", "01-03"))
    assert [row["交易时间"][:10] for row in rows] == ["2026-01-02"]


async def bill(merchant: Merchant, url: str) -> tuple[list[Json], Json]:
    """A bill as rows by column name and its summary; hash, marks and line ends must be right."""
    told = await merchant.call("GET", url)
    assert told.status_code == 200, told.text
    assert merchant.signed_by_public_key(told)
    link = told.json()
    answer = await merchant.call("GET", link["download_url"].removeprefix(merchant.simulator.url))
    assert "wechatpay-signature" not in answer.headers
    plain = gzip.decompress(answer.content) if "GZIP" in url else answer.content
    assert link["hash_type"] == "SHA1"
    assert link["hash_value"] == hashlib.sha1(plain).hexdigest()
    lines = plain.decode("utf-8-sig").split("\r\n")
    assert lines.pop() == ""
    header, *details, summary_header, summary = lines
    assert all(cell.startswith("`") for line in (*details, summary) for cell in line.split(","))
    return [row(header, line) for line in details], row(summary_header, summary)


def row(header: str, line: str) -> Json:
    cells = [cell.removeprefix("`") for cell in line.split(",")]
    return dict(zip(header.split(","), cells, strict=True))
