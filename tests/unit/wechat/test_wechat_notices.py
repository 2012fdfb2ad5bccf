import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.wechat.pay import (
    Fault,
    Notice,
    NoticeRefused,
    OutcomeUnknown,
    Refund,
    RefundStatus,
    TradeState,
    Transaction,
    WeChatPay,
)
from tests.unit.wechat.pay_edge import (
    BOOK,
    BOTH_KINDS,
    CERTIFICATE,
    CERTIFICATES_ONLY,
    NOW,
    ManualTime,
    PayEdge,
    answering,
    certificate_list,
    decoded,
    failing,
    notice,
    seal,
    sealed,
)

CALLBACKS = {vector["id"]: vector for vector in BOOK["vectors"]["callback"]}


def a_client(at: datetime = NOW) -> WeChatPay:
    return PayEdge(failing(AssertionError("a notice needs no call"))).client(clock=ManualTime(at))


async def opened(vector: dict[str, Any]) -> Notice:
    """One of the vectors is signed by a certificate, so both kinds of keys are at hand."""
    at = datetime.fromtimestamp(vector["now"], UTC)
    certificates = sealed(certificate_list("platform_certificate"), at=at, serial=CERTIFICATE)
    pay = PayEdge(answering(certificates)).client(BOTH_KINDS, clock=ManualTime(at))
    return await pay.open_notice(vector["headers"], decoded(vector))


async def test_a_payment_notice_says_who_paid_what() -> None:
    vector = CALLBACKS["pay-success"]

    said = await opened(vector)

    assert (said.event_type, said.original_type) == ("TRANSACTION.SUCCESS", "transaction")
    assert said.id == json.loads(vector["body"])["id"]
    assert said.resource == json.loads(vector["plaintext"])
    transaction = Transaction.of(said.resource)
    assert transaction.trade_state is TradeState.SUCCESS
    assert (transaction.total_fen, transaction.currency) == (9980, "CNY")
    assert transaction.out_trade_no == "SH870272331947859814"


async def test_a_refund_notice_spells_its_status_differently() -> None:
    vector = CALLBACKS["refund-success"]

    said = await opened(vector)

    assert said.event_type == "REFUND.SUCCESS"
    refund = Refund.of(said.resource)
    assert refund.status is RefundStatus.SUCCESS
    assert refund.out_refund_no == "RF870272331947859814"


async def test_a_notice_for_another_apiv3_key_is_to_be_sent_again() -> None:
    with pytest.raises(NoticeRefused) as refused:
        await opened(CALLBACKS["wrong-apiv3-key"])

    assert (refused.value.reason, refused.value.status) == (Fault.UNDECRYPTABLE, 500)


@pytest.mark.parametrize("vector", CALLBACKS.values(), ids=lambda vector: vector["id"])
async def test_the_same_notice_five_minutes_later_is_refused(vector: dict[str, Any]) -> None:
    sent_at = int(vector["headers"]["Wechatpay-Timestamp"])

    with pytest.raises(NoticeRefused) as refused:
        await opened({**vector, "now": sent_at + 300})

    assert (refused.value.reason, refused.value.status) == (Fault.STALE, 401)


async def test_the_raw_bytes_count_not_their_meaning() -> None:
    vector = CALLBACKS["pay-success"]
    at = datetime.fromtimestamp(vector["now"], UTC)
    reserialised = json.dumps(json.loads(vector["body"]), separators=(", ", ": ")).encode()

    with pytest.raises(NoticeRefused) as refused:
        await a_client(at).open_notice(vector["headers"], reserialised)

    assert (refused.value.reason, refused.value.status) == (Fault.BAD_SIGNATURE, 401)


async def test_a_probe_is_refused_and_the_true_delivery_after_it_is_opened() -> None:
    client = a_client()
    body = notice({"out_trade_no": "SH1"})
    probe = {**seal(body), "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + seal(body)["Wechatpay-Signature"]}

    with pytest.raises(NoticeRefused, match="bad-signature"):
        await client.open_notice(probe, body)

    assert (await client.open_notice(seal(body), body)).resource == {"out_trade_no": "SH1"}


async def test_a_repeated_notice_is_opened_again() -> None:
    client = a_client()
    body = notice({"out_trade_no": "SH1"})

    first = await client.open_notice(seal(body), body)

    assert await client.open_notice(seal(body), body) == first


async def test_a_notice_signed_by_a_certificate_is_opened_in_certificate_mode() -> None:
    edge = PayEdge(answering(sealed(certificate_list("platform_certificate"), serial=CERTIFICATE)))
    body = notice({"out_trade_no": "SH1"})

    said = await edge.client(CERTIFICATES_ONLY, clock=ManualTime()).open_notice(
        seal(body, serial=CERTIFICATE), body
    )

    assert said.resource == {"out_trade_no": "SH1"}


WELL_FORMED = json.loads(notice({"out_trade_no": "SH1"}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        json.dumps({**WELL_FORMED, "resource_type": "plain"}).encode(),
        json.dumps({**WELL_FORMED, "resource": None}).encode(),
        json.dumps({**WELL_FORMED, "resource": {**WELL_FORMED["resource"], "algorithm": "NONE"}}).encode(),
        json.dumps({**WELL_FORMED, "resource": {**WELL_FORMED["resource"], "nonce": 5}}).encode(),
        notice([1]),  # type: ignore[arg-type]
    ],
)
async def test_a_proved_notice_that_makes_no_sense_is_malformed(body: bytes) -> None:
    with pytest.raises(NoticeRefused) as refused:
        await a_client().open_notice(seal(body), body)

    assert (refused.value.reason, refused.value.status) == (Fault.MALFORMED, 500)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": {"total": "9980"}},
        {"amount": {"total": 99.8}},
        {"amount": {"total": True}},
        {"amount": {"total": -1}},
        {"amount": None},
        {"trade_state": "PAID"},
        {"success_time": "2026-01-02T10:11:12"},
        {"payer": "openid"},
    ],
)
def test_a_transaction_that_makes_no_sense_is_an_unknown_outcome(changed: dict[str, Any]) -> None:
    said = json.loads(CALLBACKS["pay-success"]["plaintext"])
    assert Transaction.of(said).total_fen == 9980

    with pytest.raises(OutcomeUnknown, match="transaction"):
        Transaction.of({**said, **changed})
