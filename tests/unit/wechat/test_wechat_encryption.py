import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from shared.wechat.encryption import (
    DecryptionFailed,
    decrypt_open_data,
    decrypt_push,
    encrypt_open_data,
    encrypt_push,
    gcm_decrypt,
    gcm_encrypt,
    oaep_decrypt,
    oaep_encrypt,
)
from tests.unit.wechat.pay_edge import BOOK, KEYS, OFFICIAL, private_key, public_key

OPEN_DATA = BOOK["vectors"]["encrypted_data"] + OFFICIAL["vectors"]["encrypted_data"]
SEALED_PUSHES = [
    vector
    for vector in BOOK["vectors"]["message_push"] + OFFICIAL["vectors"]["message_push"]
    if "random16" in vector
]
SESSION_KEY = base64.b64encode(b"0123456789abcdef").decode()
IV = base64.b64encode(b"fedcba9876543210").decode()
AES_KEY = "0gYMJrse2XRWGCretWJ9MRLDyQD9V6Xw6BPCbLXdFHe"
APP = "wx75fcc2efb086dfed"
KEY = KEYS["apiv3_key"]


@pytest.mark.parametrize("vector", OPEN_DATA, ids=lambda vector: vector["id"])
def test_open_data_vectors(vector: dict[str, str]) -> None:
    arguments = (vector["session_key"], vector["iv"], vector["encryptedData"], vector["appid"])

    if vector["expected"] == "ok":
        assert decrypt_open_data(*arguments) == json.loads(vector["plaintext"])
    else:
        with pytest.raises(DecryptionFailed):
            decrypt_open_data(*arguments)


@pytest.mark.parametrize(
    "vector", BOOK["vectors"]["sensitive_field_oaep_sha1"], ids=lambda vector: vector["id"]
)
def test_sensitive_field_vectors(vector: dict[str, str]) -> None:
    holder, _, name = vector["decrypt_with"].partition(".")

    assert oaep_decrypt(private_key(KEYS[holder][name]), vector["ciphertext"]) == vector["plaintext"]


@pytest.mark.parametrize("vector", SEALED_PUSHES, ids=lambda vector: vector["id"])
def test_push_encryption_vectors(vector: dict[str, str]) -> None:
    message = vector["plaintext"].encode()
    expected = vector.get("Encrypt") or json.loads(vector["body"])["Encrypt"]

    encrypted = encrypt_push(
        vector["encoding_aes_key"], vector["appid"], message, random16=vector["random16"].encode()
    )

    assert encrypted == expected
    assert decrypt_push(vector["encoding_aes_key"], vector["appid"], expected) == message


@given(plaintext=st.binary(), nonce=st.text("abcXYZ019", min_size=12, max_size=12), aad=st.text())
def test_gcm_round_trips(plaintext: bytes, nonce: str, aad: str) -> None:
    assert gcm_decrypt(KEY, nonce, aad, gcm_encrypt(KEY, nonce, aad, plaintext)) == plaintext


@given(plaintext=st.binary(), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_flipped_bit_spoils_a_notice(plaintext: bytes, position: int, bit: int) -> None:
    sealed = bytearray(base64.b64decode(gcm_encrypt(KEY, "pJzPEVj3TKtN", "transaction", plaintext)))
    sealed[position % len(sealed)] ^= 1 << bit

    with pytest.raises(DecryptionFailed):
        gcm_decrypt(KEY, "pJzPEVj3TKtN", "transaction", base64.b64encode(sealed).decode())


@pytest.mark.parametrize(
    ("nonce", "aad"), [("pJzPEVj3TKtM", "refund"), ("pJzPEVj3TKtN", "transaction"), ("", "")]
)
def test_gcm_with_another_nonce_or_associated_data_fails(nonce: str, aad: str) -> None:
    ciphertext = gcm_encrypt(KEY, "pJzPEVj3TKtN", "refund", b"{}")

    with pytest.raises(DecryptionFailed):
        gcm_decrypt(KEY, nonce, aad, ciphertext)


@settings(max_examples=15)
@given(text=st.text(max_size=50))
def test_sensitive_fields_round_trip(text: str) -> None:
    ciphertext = oaep_encrypt(public_key(KEYS["merchant"]["public_key_pem"]), text)

    assert oaep_decrypt(private_key(KEYS["merchant"]["private_key_pem"]), ciphertext) == text


@given(nickname=st.text(st.characters(exclude_categories=["Cs"])))
def test_open_data_round_trips(nickname: str) -> None:
    profile = {"nickName": nickname, "watermark": {"timestamp": 1, "appid": APP}}

    encrypted = encrypt_open_data(SESSION_KEY, IV, json.dumps(profile).encode())

    assert decrypt_open_data(SESSION_KEY, IV, encrypted, APP) == profile


@pytest.mark.parametrize(
    "plaintext", [b"", b"not json", b"[]", b"\xff\xfe", b'{"watermark":1}', b'{"nickName":"Band"}']
)
def test_open_data_that_is_not_a_watermarked_object_fails(plaintext: bytes) -> None:
    encrypted = encrypt_open_data(SESSION_KEY, IV, plaintext)

    with pytest.raises(DecryptionFailed):
        decrypt_open_data(SESSION_KEY, IV, encrypted, APP)


@pytest.mark.parametrize(
    "changed",
    [
        {"session_key": base64.b64encode(b"0123456789abcdeg").decode()},
        {"session_key": base64.b64encode(b"0123456789abcdef01234567").decode()},
        {"session_key": "not base64!"},
        {"iv": base64.b64encode(b"short").decode()},
        {"encrypted_data": "AAAA"},
        {"encrypted_data": ""},
        {"encrypted_data": "编"},
        {"app_id": "wx0000000000000000"},
    ],
)
def test_every_fault_of_open_data_is_the_same_error(changed: dict[str, str]) -> None:
    data = json.dumps({"watermark": {"appid": APP}}).encode()
    arguments: dict[str, Any] = {
        "session_key": SESSION_KEY,
        "iv": IV,
        "encrypted_data": encrypt_open_data(SESSION_KEY, IV, data),
        "app_id": APP,
    }
    assert decrypt_open_data(**arguments) == json.loads(data)

    with pytest.raises(DecryptionFailed, match="made with this key, or not for this app"):
        decrypt_open_data(**{**arguments, **changed})


def test_a_session_key_of_another_length_fails_even_where_the_cipher_would_take_it() -> None:
    key = base64.b64encode(b"0123456789abcdef01234567").decode()
    encrypted = encrypt_open_data(key, IV, json.dumps({"watermark": {"appid": APP}}).encode())

    with pytest.raises(DecryptionFailed):
        decrypt_open_data(key, IV, encrypted, APP)


@given(message=st.binary(), random16=st.binary(min_size=16, max_size=16))
def test_pushes_round_trip_and_their_padding_fills_blocks_of_32(message: bytes, random16: bytes) -> None:
    encrypted = encrypt_push(AES_KEY, APP, message, random16=random16)

    assert len(base64.b64decode(encrypted)) % 32 == 0
    assert decrypt_push(AES_KEY, APP, encrypted) == message


@given(encrypted=st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_rubbish_in_place_of_a_push_is_the_same_error(encrypted: str) -> None:
    with pytest.raises(DecryptionFailed):
        decrypt_push(AES_KEY, APP, encrypted)


def test_a_push_for_another_app_is_the_same_error() -> None:
    encrypted = encrypt_push(AES_KEY, "wx0000000000000000", b"{}", random16=b"0" * 16)

    with pytest.raises(DecryptionFailed):
        decrypt_push(AES_KEY, APP, encrypted)
