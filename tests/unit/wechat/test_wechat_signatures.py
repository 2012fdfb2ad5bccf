import base64

import hypothesis
import pytest
from hypothesis import given, strategies as st

from shared.wechat.pay import PaySettings
from shared.wechat.pay.calls import Signer
from shared.wechat.signatures import (
    authorization,
    parse_authorization,
    pay_message,
    push_signature,
    raw_data_signature,
    request_message,
    session_signature,
    sign,
    verify,
)
from tests.unit.wechat.pay_edge import (
    BOOK,
    KEYS,
    MERCHANT_PUBLIC_KEY,
    OFFICIAL,
    SETTINGS,
    decoded,
    private_key,
    public_key,
)

OFFICIAL_SETTINGS = PaySettings(
    mchid=OFFICIAL["keys"]["merchant"]["mchid"],
    appid="wxd678efh567hg6787",
    private_key_pem=OFFICIAL["keys"]["merchant"]["private_key_pem"],
    serial_no=OFFICIAL["keys"]["merchant"]["serial_no"],
    apiv3_key=SETTINGS.apiv3_key,
    uses_certificates=True,
)
REQUESTS = [(SETTINGS, vector) for vector in BOOK["vectors"]["request_signature"]] + [
    (OFFICIAL_SETTINGS, vector) for vector in OFFICIAL["vectors"]["request_signature"]
]
PAY_SIGNS = [(KEYS, vector) for vector in BOOK["vectors"]["pay_sign"]] + [
    (OFFICIAL["keys"], vector) for vector in OFFICIAL["vectors"]["pay_sign"]
]
HEADER = authorization("1900000001", "7EEB", "N0nce", "1767253866", "c2ln")


def test_there_are_six_request_vectors_and_three_pay_signs() -> None:
    assert (len(REQUESTS), len(PAY_SIGNS)) == (6, 3)


@pytest.mark.parametrize(("settings", "vector"), REQUESTS, ids=lambda value: getattr(value, "mchid", ""))
async def test_a_request_is_signed_as_every_official_library_signs_it(
    settings: PaySettings, vector: dict[str, str]
) -> None:
    said = await Signer(settings).authorization(
        vector["method"],
        vector["url_on_wire"],
        decoded(vector),
        timestamp=vector["timestamp"],
        nonce=vector["nonce_str"],
    )

    assert parse_authorization(said) == parse_authorization(vector["authorization"])
    assert f'signature="{vector["signature"]}"' in said


@pytest.mark.parametrize(("keys", "vector"), PAY_SIGNS, ids=lambda value: value.get("id", ""))
def test_the_payment_parameters_are_signed_as_the_client_expects(
    keys: dict[str, dict[str, str]], vector: dict[str, str]
) -> None:
    package = vector.get("package") or vector["prepayid"]
    message = pay_message(vector["appId"], vector["timeStamp"], vector["nonceStr"], package)

    assert message == vector["message"].encode()
    assert sign(private_key(keys["merchant"]["private_key_pem"]), message) == vector["paySign"]


@pytest.mark.parametrize(
    "vector", BOOK["vectors"]["raw_data_signature"] + OFFICIAL["vectors"]["raw_data_signature"]
)
def test_raw_data_is_signed_with_the_session_key(vector: dict[str, str]) -> None:
    assert raw_data_signature(vector["rawData"], vector["session_key"]) == vector["signature"]


@pytest.mark.parametrize(
    "vector", BOOK["vectors"]["check_session_signature"] + OFFICIAL["vectors"]["session_hmac"]
)
def test_a_session_hmac_is_keyed_with_the_text_of_the_session_key(vector: dict[str, str]) -> None:
    message = vector.get("message", "").encode()

    assert session_signature(vector["session_key"], message) == vector["signature"]


@pytest.mark.parametrize(
    "vector", BOOK["vectors"]["message_push"] + OFFICIAL["vectors"]["message_push"][:3], ids=lambda v: v["id"]
)
def test_a_push_query_is_signed_with_the_token(vector: dict[str, dict[str, str]]) -> None:
    query = vector["query"]

    assert push_signature(str(vector["token"]), query["timestamp"], query["nonce"]) == query["signature"]


def test_the_attributes_of_an_authorization_may_come_in_any_order() -> None:
    scheme, _, rest = HEADER.partition(" ")
    reordered = f"{scheme} {','.join(reversed(rest.split(',')))}"

    said = parse_authorization(reordered)

    assert said == parse_authorization(HEADER)
    assert said is not None
    assert (said.mchid, said.serial_no, said.nonce) == ("1900000001", "7EEB", "N0nce")
    assert (said.timestamp, said.signature) == ("1767253866", "c2ln")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "WECHATPAY2-SHA256-RSA2048",
        HEADER.replace("RSA2048", "RSA4096"),
        HEADER.replace('mchid="1900000001",', ""),
        HEADER.replace("mchid", "nonce_str"),
        HEADER.replace(",", ", "),
        HEADER.replace('"', "'"),
        HEADER + ',mchid="1900000002"',
        HEADER + " ",
    ],
)
def test_a_malformed_authorization_is_none(header: str) -> None:
    assert parse_authorization(header) is None


@given(signature=st.text())
def test_verifying_rubbish_is_false_and_never_raises(signature: str) -> None:
    assert verify(MERCHANT_PUBLIC_KEY, b"message", signature) is False


def test_a_true_signature_with_characters_outside_base64_is_refused() -> None:
    true = sign(private_key(KEYS["merchant"]["private_key_pem"]), b"message")

    assert verify(MERCHANT_PUBLIC_KEY, b"message", true)
    assert not verify(MERCHANT_PUBLIC_KEY, b"message", true[:10] + "\n" + true[10:])
    assert not verify(MERCHANT_PUBLIC_KEY, b"messagf", true)


@hypothesis.settings(max_examples=15)
@given(body=st.binary(), nonce=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=32))
def test_what_is_signed_is_verified_and_nothing_else(body: bytes, nonce: str) -> None:
    key = private_key(KEYS["platform_certificate"]["private_key_pem"])
    message = request_message("POST", "/v3/pay?a=%7C", "1767253866", nonce, body)

    signature = sign(key, message)

    assert verify(key.public_key(), message, signature)
    assert not verify(key.public_key(), message + b" ", signature)
    assert not verify(public_key(KEYS["merchant"]["public_key_pem"]), message, signature)
    assert len(base64.b64decode(signature)) == 256
