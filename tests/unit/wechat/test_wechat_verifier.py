import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from shared.wechat.pay import Fault, NoticeRefused, OutcomeUnknown, PaySettings, WeChatPayRefused
from shared.wechat.pay.errors import Unverified
from shared.wechat.pay.verifier import Verifier
from tests.unit.wechat.pay_edge import (
    BOOK,
    BOTH_KINDS,
    CERTIFICATE,
    CERTIFICATES_ONLY,
    KEYS,
    NEXT_CERTIFICATE,
    NOW,
    OFFICIAL,
    PUBLIC_KEY_ID,
    SETTINGS,
    ManualTime,
    PayEdge,
    answering,
    certificate_list,
    decoded,
    failing,
    notice,
    public_key,
    refusal,
    seal,
    sealed,
)

BODY = notice({"out_trade_no": "SH1"})
UNKNOWN_SERIAL = "7132D72A03E93CDDF8C03BBD1F37EEDF01234567"


async def never() -> None:
    raise AssertionError("no download was due")


def verifier(clock: ManualTime) -> Verifier:
    key = public_key(KEYS["platform_public_key"]["public_key_pem"])
    return Verifier({PUBLIC_KEY_ID: key}, clock=clock, refresh=never)


@pytest.mark.parametrize("vector", BOOK["vectors"]["response_verification"], ids=lambda vector: vector["id"])
async def test_answers_are_verified_as_the_vectors_say(vector: dict[str, Any]) -> None:
    """Both kinds of keys are live at once; the decision is the client's own, made on a real answer."""
    clock = ManualTime(datetime.fromtimestamp(vector["now"], UTC))
    certificates = sealed(certificate_list("platform_certificate"), at=clock(), serial=CERTIFICATE)
    answer = httpx.Response(vector["http_status"], headers=vector["headers"], content=decoded(vector))
    edge = PayEdge(answering(certificates), answering(answer))
    pay = edge.client(BOTH_KINDS, clock=clock)
    await pay.refresh_certificates()

    if vector["expected"] == "valid":
        await pay.close("SH870272331947859814")
    else:
        with pytest.raises(OutcomeUnknown, match=r"unverifiable answer: (bad-signature|stale)"):
            await pay.close("SH870272331947859814")
    assert len(edge.requests) == 2


async def test_the_answer_printed_in_the_documentation_is_verified() -> None:
    [vector] = OFFICIAL["vectors"]["response_verification"]
    headers = {**vector["headers"], "Wechatpay-Serial": "PUB_KEY_ID_DOC"}
    key = public_key(OFFICIAL["keys"]["platform_public_key"]["public_key_pem"])
    clock = ManualTime(datetime.fromtimestamp(vector["now"], UTC))

    await Verifier({"PUB_KEY_ID_DOC": key}, clock=clock, refresh=never).check(headers, decoded(vector))

    with pytest.raises(Unverified, match="bad-signature"):
        await Verifier({"PUB_KEY_ID_DOC": key}, clock=clock, refresh=never).check(headers, b"{}")


async def test_the_certificate_list_of_the_vectors_is_decrypted_and_then_proves_itself() -> None:
    [vector] = BOOK["vectors"]["certificates"]
    clock = ManualTime(datetime.fromtimestamp(int(vector["headers"]["Wechatpay-Timestamp"]), UTC))
    edge = PayEdge(answering(httpx.Response(200, headers=vector["headers"], content=vector["body"].encode())))
    pay = edge.client(CERTIFICATES_ONLY, clock=clock)

    await pay.refresh_certificates()

    opened = await pay.open_notice(seal(BODY, at=clock(), serial=vector["expected_serials"][0]), BODY)
    assert opened.resource == {"out_trade_no": "SH1"}
    assert [request.url.path for request in edge.requests] == ["/v3/certificates"]


async def test_a_certificate_list_that_does_not_prove_itself_brings_no_key() -> None:
    body = certificate_list("platform_certificate")
    forged = sealed(body, serial=CERTIFICATE)
    forged.headers["Wechatpay-Nonce"] = "changed"
    edge = PayEdge(answering(forged))
    pay = edge.client(CERTIFICATES_ONLY, clock=ManualTime())

    with pytest.raises(OutcomeUnknown, match="unverifiable certificate list: bad-signature"):
        await pay.refresh_certificates()

    with pytest.raises(NoticeRefused, match="unknown-key"):
        await pay.open_notice(seal(BODY, serial=CERTIFICATE), BODY)


async def test_a_list_encrypted_with_another_apiv3_key_is_not_understood() -> None:
    edge = PayEdge(answering(sealed(certificate_list("platform_certificate"), serial=CERTIFICATE)))
    other_key = replace(CERTIFICATES_ONLY, apiv3_key="x" * 32)

    with pytest.raises(OutcomeUnknown, match="certificate list: DecryptionFailed"):
        await edge.client(other_key, clock=ManualTime()).refresh_certificates()


async def test_in_certificate_mode_the_first_use_downloads_the_certificates() -> None:
    answer = sealed({"prepay_id": "wx1"}, serial=CERTIFICATE)
    certificates = sealed(certificate_list("platform_certificate"), serial=CERTIFICATE)
    edge = PayEdge(answering(answer), answering(certificates))
    pay = edge.client(CERTIFICATES_ONLY, clock=ManualTime())

    await pay.close("SH1")

    assert [request.url.path for request in edge.requests][1:] == ["/v3/certificates"]
    assert "Wechatpay-Serial" not in edge.requests[0].headers


async def test_with_a_public_key_every_request_asks_for_an_answer_signed_with_it() -> None:
    edge = PayEdge(answering(sealed(None, status=204)))

    await edge.client(BOTH_KINDS, clock=ManualTime()).close("SH1")

    assert edge.requests[0].headers["Wechatpay-Serial"] == PUBLIC_KEY_ID


async def test_a_rotated_certificate_is_fetched_and_the_old_one_stays() -> None:
    first = sealed(certificate_list("platform_certificate"), serial=CERTIFICATE)
    second = sealed(certificate_list("platform_certificate_next"), serial=NEXT_CERTIFICATE)
    edge = PayEdge(answering(first), answering(second))
    pay = edge.client(CERTIFICATES_ONLY, clock=ManualTime())
    await pay.refresh_certificates()

    await pay.open_notice(seal(BODY, serial=NEXT_CERTIFICATE), BODY)
    await pay.open_notice(seal(BODY, serial=CERTIFICATE), BODY)

    assert len(edge.requests) == 2


async def test_forged_serials_cause_one_download_a_minute_however_many_come() -> None:
    clock = ManualTime()
    edge = PayEdge(answering(refusal(404, "RESOURCE_NOT_EXISTS")))
    pay = edge.client(CERTIFICATES_ONLY, clock=clock)

    async def deliver_forged(number: int) -> None:
        headers = {**seal(BODY, at=clock()), "Wechatpay-Serial": f"{UNKNOWN_SERIAL[:-2]}{number:02d}"}
        with pytest.raises(NoticeRefused, match="unknown-key"):
            await pay.open_notice(headers, BODY)

    await asyncio.gather(*(deliver_forged(number) for number in range(50)))
    assert len(edge.requests) == 1

    clock.pass_(59)
    await deliver_forged(0)
    assert len(edge.requests) == 1

    clock.pass_(1)
    await deliver_forged(0)
    assert len(edge.requests) == 2


@pytest.mark.parametrize("serial", ["PUB_KEY_ID_0", "PUB_KEY_ID_", "../../etc", "xyz", "7132D72A" * 6])
async def test_serials_that_cannot_be_a_certificate_cause_no_download(serial: str) -> None:
    edge = PayEdge(failing(AssertionError("no download was due")))
    pay = edge.client(BOTH_KINDS, clock=ManualTime())

    with pytest.raises(NoticeRefused, match="unknown-key"):
        await pay.open_notice({**seal(BODY), "Wechatpay-Serial": serial}, BODY)
    assert edge.requests == []


async def test_a_failed_download_refuses_the_notice_and_does_not_raise_something_else() -> None:
    edge = PayEdge(failing(httpx.ConnectError("dead")))

    with pytest.raises(NoticeRefused, match="unknown-key"):
        await edge.client(CERTIFICATES_ONLY, clock=ManualTime()).open_notice(
            seal(BODY, serial=CERTIFICATE), BODY
        )
    assert len(edge.requests) == 2  # both hosts were asked


async def test_a_merchant_with_public_keys_only_never_downloads() -> None:
    edge = PayEdge(failing(AssertionError("no download was due")))
    pay = edge.client(SETTINGS, clock=ManualTime())

    await pay.refresh_certificates()
    with pytest.raises(NoticeRefused, match="unknown-key"):
        await pay.open_notice(seal(BODY, serial=CERTIFICATE), BODY)

    assert edge.requests == []


async def test_public_key_mode_has_no_certificates_to_offer() -> None:
    edge = PayEdge(answering(refusal(404, "RESOURCE_NOT_EXISTS")))

    with pytest.raises(WeChatPayRefused, match="RESOURCE_NOT_EXISTS"):
        await edge.client(BOTH_KINDS, clock=ManualTime()).refresh_certificates()


async def test_an_expired_certificate_proves_nothing() -> None:
    clock = ManualTime()
    edge = PayEdge(answering(sealed(certificate_list("platform_certificate"), serial=CERTIFICATE)))
    pay = edge.client(CERTIFICATES_ONLY, clock=clock)
    await pay.refresh_certificates()

    clock.at = datetime(2099, 1, 1, tzinfo=UTC)

    with pytest.raises(NoticeRefused) as refused:
        await pay.open_notice(seal(BODY, at=clock(), serial=CERTIFICATE), BODY)
    assert refused.value.reason is Fault.UNKNOWN_KEY


@pytest.mark.parametrize(("age_s", "accepted"), [(299, True), (300, False), (-299, True), (-300, False)])
async def test_a_seal_is_good_for_less_than_five_minutes_either_way(age_s: int, accepted: bool) -> None:
    headers = seal(BODY, at=NOW - timedelta(seconds=age_s))

    if accepted:
        await verifier(ManualTime()).check(headers, BODY)
    else:
        with pytest.raises(Unverified, match="stale"):
            await verifier(ManualTime()).check(headers, BODY)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Wechatpay-Timestamp": ""}, "missing-header"),
        ({"Wechatpay-Nonce": ""}, "missing-header"),
        ({"Wechatpay-Signature": ""}, "missing-header"),
        ({"Wechatpay-Serial": ""}, "missing-header"),
        ({"Wechatpay-Nonce": "随机"}, "missing-header"),
        ({"Wechatpay-Timestamp": "soon"}, "stale"),
        ({"Wechatpay-Timestamp": " 1767319200"}, "stale"),
        ({"Wechatpay-Timestamp": "9" * 5000}, "stale"),
        ({"Wechatpay-Nonce": "another"}, "bad-signature"),
        ({"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}, "bad-signature"),
        ({"Wechatpay-Signature": "WECHATPAY/SIGNTEST/c2ln"}, "bad-signature"),
        ({"Wechatpay-Serial": "PUB_KEY_ID_0999"}, "unknown-key"),
    ],
)
async def test_a_seal_with_one_thing_wrong_is_refused(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(Unverified, match=reason):
        await verifier(ManualTime()).check({**seal(BODY), **changed}, BODY)


async def test_the_signature_type_may_be_missing_and_header_names_have_no_case() -> None:
    headers = {name.upper(): value for name, value in seal(BODY).items()}
    del headers["WECHATPAY-SIGNATURE-TYPE"]

    await verifier(ManualTime()).check(headers, BODY)


@given(headers=st.dictionaries(st.sampled_from(list(seal(BODY))), st.text()), body=st.binary())
async def test_no_headers_make_the_verifier_fail_in_another_way(headers: dict[str, str], body: bytes) -> None:
    async def nothing_new() -> None:
        pass

    key = public_key(KEYS["platform_public_key"]["public_key_pem"])
    strict = Verifier({PUBLIC_KEY_ID: key}, clock=ManualTime(), refresh=nothing_new)

    with pytest.raises(Unverified):
        await strict.check({**seal(BODY), **headers}, body + b"!")


@pytest.mark.parametrize(
    "wrong",
    [
        {"apiv3_key": "short"},
        {"public_keys": {}},
        {"public_keys": {CERTIFICATE: KEYS["platform_public_key"]["public_key_pem"]}},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|give the|starts with"):
        replace(SETTINGS, **wrong)


def test_settings_do_not_print_their_secrets() -> None:
    printed = repr(PaySettings(**{name: getattr(SETTINGS, name) for name in SETTINGS.__slots__}))

    assert SETTINGS.mchid in printed
    assert SETTINGS.apiv3_key not in printed
    assert "PRIVATE KEY" not in printed
