import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.wechat.encryption import oaep_decrypt
from shared.wechat.pay import (
    BankCard,
    OrderAlreadyPaid,
    OutcomeUnknown,
    Refund,
    RefundStatus,
    TradeState,
    WeChatPay,
    WeChatPayRefused,
)
from shared.wechat.pay.certificates import PlatformCertificate
from shared.wechat.signatures import pay_message, verify
from tests.unit.wechat.pay_edge import (
    CERTIFICATE,
    CERTIFICATES_ONLY,
    KEYS,
    MERCHANT_PUBLIC_KEY,
    NEXT_CERTIFICATE,
    NOW,
    PUBLIC_KEY_ID,
    SETTINGS,
    SIGNING_KEYS,
    Handler,
    ManualTime,
    PayEdge,
    answering,
    certificate_list,
    failing,
    refusal,
    seal,
    sealed,
)

PAID = {
    "appid": SETTINGS.appid,
    "mchid": SETTINGS.mchid,
    "out_trade_no": "SH20260102|1*",
    "transaction_id": "4200002100202601021234567890",
    "trade_state": "SUCCESS",
    "attach": "shop=7",
    "bank_type": "OTHERS",
    "success_time": "2026-01-02T10:11:10+08:00",
    "payer": {"openid": "oA1b2"},
    "amount": {"total": 9980, "payer_total": 9480, "currency": "CNY", "payer_currency": "CNY"},
}
REFUNDED = {
    "refund_id": "50300002100202601031234567890",
    "out_refund_no": "RF1",
    "transaction_id": PAID["transaction_id"],
    "out_trade_no": "SH1",
    "user_received_account": "支付用户零钱",
    "status": "PROCESSING",
    "amount": {"total": 9980, "refund": 4990, "payer_total": 9480, "payer_refund": 4740},
}
LOST = httpx.ReadTimeout("no answer")


def a_shop(*handlers: Handler) -> tuple[WeChatPay, PayEdge]:
    edge = PayEdge(*handlers)
    return edge.client(clock=ManualTime()), edge


async def prepay(pay: WeChatPay, **changes: Any) -> str:
    order: dict[str, Any] = {
        "description": "云南小粒咖啡豆 250g×2",
        "total_fen": 9980,
        "openid": "oA1b2",
        "notify_url": "https://shop.example.com/pay/notices",
        "time_expire": NOW + timedelta(minutes=30),
    }
    return await pay.prepay("SH1", **(order | changes))


async def refund(pay: WeChatPay) -> Refund:
    return await pay.refund(
        "RF1",
        out_trade_no="SH1",
        refund_fen=4990,
        total_fen=9980,
        notify_url="https://shop.example.com/pay/refund-notices",
        reason="尺码不合适",
    )


async def test_prepay_sends_the_order_and_gives_the_prepay_id() -> None:
    pay, edge = a_shop(answering(sealed({"prepay_id": "wx201410272009395522657a690389285100"})))

    prepay_id = await prepay(pay, attach="shop=7", payer_client_ip="203.0.113.9")

    assert prepay_id == "wx201410272009395522657a690389285100"
    [request] = edge.requests
    assert (request.method, str(request.url)) == ("POST", "https://pay.test/v3/pay/transactions/jsapi")
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {
        "appid": SETTINGS.appid,
        "mchid": SETTINGS.mchid,
        "description": "云南小粒咖啡豆 250g×2",
        "out_trade_no": "SH1",
        "time_expire": "2026-01-02T10:30:00+08:00",
        "attach": "shop=7",
        "notify_url": "https://shop.example.com/pay/notices",
        "amount": {"total": 9980, "currency": "CNY"},
        "payer": {"openid": "oA1b2"},
        "scene_info": {"payer_client_ip": "203.0.113.9"},
    }


async def test_a_long_description_is_cut_to_127_bytes_between_characters() -> None:
    pay, edge = a_shop(answering(sealed({"prepay_id": "wx1"})))

    await prepay(pay, description="豆" * 100)

    assert json.loads(edge.requests[0].content)["description"] == "豆" * 42


async def test_the_mini_program_gets_parameters_signed_by_the_merchant() -> None:
    pay, _ = a_shop(failing(AssertionError("no call")))

    payment = await pay.request_payment("wx1")

    assert set(asdict(payment)) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (payment.package, payment.signType) == ("prepay_id=wx1", "RSA")
    assert payment.timeStamp == str(int(NOW.timestamp()))
    message = pay_message(SETTINGS.appid, payment.timeStamp, payment.nonceStr, payment.package)
    assert verify(MERCHANT_PUBLIC_KEY, message, payment.paySign)


async def test_a_paid_order_is_read_into_fen_and_utc() -> None:
    pay, edge = a_shop(answering(sealed(PAID)))

    transaction = await pay.transaction("SH20260102|1*")

    assert transaction is not None
    assert transaction.trade_state is TradeState.SUCCESS
    assert (transaction.total_fen, transaction.payer_total_fen, transaction.currency) == (9980, 9480, "CNY")
    assert transaction.success_time == datetime(2026, 1, 2, 2, 11, 10, tzinfo=UTC)
    assert (transaction.openid, transaction.attach) == ("oA1b2", "shop=7")
    # What was signed is what went over the wire (the edge checks the signature).
    wire = edge.requests[0].url.raw_path.decode()
    assert wire == f"/v3/pay/transactions/out-trade-no/SH20260102%7C1%2A?mchid={SETTINGS.mchid}"


async def test_an_unpaid_order_has_no_transaction_id() -> None:
    unpaid = {
        "appid": SETTINGS.appid,
        "mchid": SETTINGS.mchid,
        "out_trade_no": "SH1",
        "trade_state": "NOTPAY",
        "payer": {},
        "amount": {"total": 9980},
    }
    pay, _ = a_shop(answering(sealed(unpaid)))

    transaction = await pay.transaction("SH1")

    assert transaction is not None
    assert transaction.trade_state is TradeState.NOTPAY
    assert (transaction.transaction_id, transaction.payer_total_fen) == (None, None)
    assert (transaction.openid, transaction.success_time) == (None, None)


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"])
async def test_an_order_or_refund_the_platform_does_not_know_is_none(code: str) -> None:
    pay, _ = a_shop(answering(refusal(404, code)))

    assert await pay.transaction("SH1") is None
    assert await pay.refund_by_number("RF1") is None


async def test_a_404_about_the_merchant_says_nothing_about_the_order() -> None:
    pay, _ = a_shop(answering(refusal(404, "MCH_NOT_EXISTS")))

    with pytest.raises(WeChatPayRefused, match="MCH_NOT_EXISTS"):
        await pay.transaction("SH1")


async def test_a_404_that_is_not_the_platforms_says_nothing_about_the_order() -> None:
    pay, _ = a_shop(answering(httpx.Response(404, text="<html>no such page</html>")))

    with pytest.raises(OutcomeUnknown, match="status 404"):
        await pay.transaction("SH1")


async def test_an_answer_about_another_order_is_not_taken() -> None:
    pay, _ = a_shop(answering(sealed(PAID)))

    with pytest.raises(OutcomeUnknown, match="another out_trade_no"):
        await pay.transaction("SH2")


async def test_close_is_repeatable_and_sends_the_merchant() -> None:
    pay, edge = a_shop(answering(sealed(None, status=204)))

    await pay.close("SH1")
    await pay.close("SH1")

    assert [request.url.path for request in edge.requests] == [
        "/v3/pay/transactions/out-trade-no/SH1/close"
    ] * 2
    assert json.loads(edge.requests[0].content) == {"mchid": SETTINGS.mchid}


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "ORDERPAID"),
        refusal(403, "ORDER_PAID"),
        refusal(400, "INVALID_REQUEST", "该订单已支付", request_id="08E6D4-268498689"),
        refusal(400, "TRADE_ERROR", request_id="08E6D4-268449538"),
    ],
)
async def test_closing_or_ordering_what_is_paid_says_so(answer: httpx.Response) -> None:
    pay, _ = a_shop(answering(answer))

    with pytest.raises(OrderAlreadyPaid):
        await pay.close("SH1")
    with pytest.raises(OrderAlreadyPaid):
        await prepay(pay)


async def test_a_refund_is_applied_for_by_its_number() -> None:
    pay, edge = a_shop(answering(sealed(REFUNDED)))

    applied = await refund(pay)

    assert applied.status is RefundStatus.PROCESSING
    assert (applied.refund_fen, applied.total_fen) == (4990, 9980)
    assert (applied.payer_refund_fen, applied.payer_total_fen) == (4740, 9480)
    assert applied.user_received_account == "支付用户零钱"
    assert json.loads(edge.requests[0].content) == {
        "out_trade_no": "SH1",
        "out_refund_no": "RF1",
        "reason": "尺码不合适",
        "notify_url": "https://shop.example.com/pay/refund-notices",
        "amount": {"refund": 4990, "total": 9980, "currency": "CNY"},
    }
    assert await pay.refund_by_number("RF1") == applied
    assert edge.requests[1].url.path == "/v3/refund/domestic/refunds/RF1"


async def test_an_abnormal_refund_is_sent_to_a_bank_card_that_leaves_sealed() -> None:
    pay, edge = a_shop(answering(sealed(REFUNDED)))
    card = BankCard(bank_type="CMB_DEBIT", bank_account="6225880137000000", real_name="王小明")

    applied = await pay.apply_abnormal_refund("5030001", out_refund_no="RF1", card=card)

    assert applied.status is RefundStatus.PROCESSING
    (request,) = edge.requests
    assert request.url.path == "/v3/refund/domestic/refunds/5030001/apply-abnormal-refund"
    assert request.headers["Wechatpay-Serial"] == PUBLIC_KEY_ID
    said = json.loads(request.content)
    key = SIGNING_KEYS[PUBLIC_KEY_ID]
    assert (oaep_decrypt(key, said.pop("bank_account")), oaep_decrypt(key, said.pop("real_name"))) == (
        "6225880137000000",
        "王小明",
    )
    assert said == {"out_refund_no": "RF1", "type": "USER_BANK_CARD", "bank_type": "CMB_DEBIT"}
    assert "6225880137000000" not in repr(card)


async def test_fields_are_sealed_for_the_newest_certificate_where_there_is_no_public_key() -> None:
    edge = PayEdge(
        answering(
            sealed(certificate_list("platform_certificate", "platform_certificate_next"), serial=CERTIFICATE)
        ),
        answering(sealed(REFUNDED, serial=CERTIFICATE)),
    )
    pay = edge.client(CERTIFICATES_ONLY, clock=ManualTime())
    card = BankCard(bank_type="CMB_DEBIT", bank_account="6225880137000000", real_name="王小明")

    await pay.apply_abnormal_refund("5030001", out_refund_no="RF1", card=card)

    _, request = edge.requests
    serial = request.headers["Wechatpay-Serial"]
    assert serial == max((CERTIFICATE, NEXT_CERTIFICATE), key=_effective_at)
    said = json.loads(request.content)
    assert oaep_decrypt(SIGNING_KEYS[serial], said["bank_account"]) == card.bank_account


async def test_an_abnormal_refund_to_the_merchant_names_no_card() -> None:
    pay, edge = a_shop(answering(sealed(REFUNDED)))
    await pay.apply_abnormal_refund("5030001", out_refund_no="RF1", card=None)
    assert json.loads(edge.requests[0].content) == {"out_refund_no": "RF1", "type": "MERCHANT_BANK_CARD"}


def _effective_at(serial: str) -> datetime:
    (pem,) = (each["certificate_pem"] for each in KEYS.values() if _serial(each) == serial)
    return PlatformCertificate.of(pem.encode()).effective_at


def _serial(each: object) -> str | None:
    return each.get("serial_no") if isinstance(each, dict) and "certificate_pem" in each else None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "PARAM_ERROR"),
        (401, "SIGN_ERROR"),
        (403, "NOT_ENOUGH"),
        (404, "MCH_NOT_EXISTS"),
        (500, "OPENID_MISMATCH"),
    ],
)
async def test_a_definite_refusal_carries_what_the_platform_said(status: int, code: str) -> None:
    pay, edge = a_shop(answering(refusal(status, code, "余额不足", request_id="08E6D4-268435461")))

    with pytest.raises(WeChatPayRefused) as refused:
        await refund(pay)

    assert (refused.value.status, refused.value.code, refused.value.message) == (status, code, "余额不足")
    assert refused.value.request_id == "08E6D4-268435461"
    assert type(refused.value) is WeChatPayRefused
    assert len(edge.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(429, "FREQUENCY_LIMITED"),
        refusal(500, "SYSTEM_ERROR"),
        refusal(500, "BANK_ERROR"),
        refusal(504, "GATEWAY_TIMEOUT"),
        httpx.Response(202, json={"code": "USERPAYING"}),
        httpx.Response(400, text="not the platform's JSON"),
        httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
        httpx.Response(200, json=REFUNDED),
        sealed(REFUNDED, at=NOW - timedelta(minutes=6)),
        sealed([REFUNDED]),
        sealed({**REFUNDED, "status": "DONE"}),
        sealed({**REFUNDED, "out_refund_no": "RF2"}),
    ],
    ids=[
        "429",
        "system-error",
        "bank-error",
        "504",
        "202",
        "proxy-400",
        "redirect",
        "unsigned-200",
        "stale-200",
        "list",
        "unknown-status",
        "another-refund",
    ],
)
async def test_whatever_is_not_definite_is_an_unknown_outcome_and_not_tried_again(
    answer: httpx.Response,
) -> None:
    pay, edge = a_shop(answering(answer))

    with pytest.raises(OutcomeUnknown):
        await refund(pay)

    assert len(edge.requests) == 1


async def test_a_signed_answer_that_is_not_json_is_an_unknown_outcome() -> None:
    body = b"not json"
    pay, _ = a_shop(answering(httpx.Response(200, headers=seal(body), content=body)))

    with pytest.raises(OutcomeUnknown, match="not JSON"):
        await pay.close("SH1")


@pytest.mark.parametrize(
    "first",
    [
        failing(httpx.ConnectError("dead")),
        failing(httpx.ConnectTimeout("dead")),
        failing(httpx.ReadError("reset")),
        failing(httpx.RemoteProtocolError("closed without an answer")),
        answering(httpx.Response(502, text="<html>bad gateway</html>")),
        answering(refusal(503, "SERVICE_UNAVAILABLE")),
    ],
    ids=["refused", "connect-timeout", "reset", "hung-up", "502", "503"],
)
async def test_a_dead_host_hands_over_to_the_second_with_the_same_number(first: Handler) -> None:
    pay, edge = a_shop(first, answering(sealed(REFUNDED)))

    assert (await refund(pay)).out_refund_no == "RF1"

    assert [request.url.host for request in edge.requests] == ["pay.test", "pay2.test"]
    assert edge.requests[0].content == edge.requests[1].content
    assert edge.requests[0].headers["Authorization"] != edge.requests[1].headers["Authorization"]


async def test_two_dead_hosts_are_an_unknown_outcome() -> None:
    pay, edge = a_shop(failing(httpx.ConnectError("dead")))

    with pytest.raises(OutcomeUnknown, match="ConnectError"):
        await refund(pay)

    assert len(edge.requests) == 2


async def test_a_lost_answer_is_an_unknown_outcome_and_not_sent_to_the_second_host() -> None:
    pay, edge = a_shop(failing(LOST))

    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        await refund(pay)

    assert len(edge.requests) == 1


async def test_an_endless_answer_is_cut_off() -> None:
    pay, _ = a_shop(answering(httpx.Response(200, content=b"x" * ((1 << 20) + 1))))

    with pytest.raises(OutcomeUnknown, match="longer than 1048576 bytes"):
        await pay.transaction("SH1")


async def test_every_request_has_its_own_nonce() -> None:
    pay, edge = a_shop(answering(sealed(None, status=204)))

    await asyncio.gather(*(pay.close("SH1") for _ in range(20)))

    assert len({request.headers["Authorization"] for request in edge.requests}) == 20
