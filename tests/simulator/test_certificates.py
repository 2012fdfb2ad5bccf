"""Verification modes: public key, certificates, both by percentage, rotation (wechat.md 5.1, 5.4)."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3.utils import rsa_verify

from tests.simulator.support import Json, Merchant, Simulator

CERTIFICATES = "/v3/certificates"


async def test_a_public_key_merchant_has_no_certificates(merchant: Merchant) -> None:
    answer = await merchant.call("GET", CERTIFICATES)
    assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_EXISTS")
    assert answer.json()["message"].startswith("无可用的平台证书")


async def test_certificates_come_encrypted_and_sign_the_answer_that_brings_them(merchant: Merchant) -> None:
    await mode(merchant.simulator, "certificate")
    answer = await merchant.call("GET", CERTIFICATES)
    listed = opened(merchant, answer.json())
    assert len(listed) == 2
    signer = listed[answer.headers["Wechatpay-Serial"]]
    stamp, nonce = answer.headers["Wechatpay-Timestamp"], answer.headers["Wechatpay-Nonce"]
    assert rsa_verify(stamp, nonce, answer.text, answer.headers["Wechatpay-Signature"], signer.public_key())
    assert all(
        len(serial) == 40 and f"{found.serial_number:040X}" == serial for serial, found in listed.items()
    )


async def test_rotation_signs_with_the_listed_successor(merchant: Merchant) -> None:
    await mode(merchant.simulator, "certificate")
    before = await merchant.call("GET", CERTIFICATES)
    old, successor = opened(merchant, before.json())
    assert before.headers["Wechatpay-Serial"] == old
    await merchant.simulator.control("POST", "/certificates/rotate")
    after = await merchant.call("GET", CERTIFICATES)
    assert after.headers["Wechatpay-Serial"] == successor
    assert next(iter(opened(merchant, after.json()))) == successor
    assert old not in opened(merchant, after.json())


async def test_in_grey_mode_both_kinds_of_serial_appear(merchant: Merchant) -> None:
    await mode(merchant.simulator, "grey", 50)
    number, _ = await merchant.prepay()
    serials = {(await merchant.query(number)).headers["Wechatpay-Serial"] for _ in range(40)}
    assert len(serials) == 2
    assert merchant.public_key_id in serials
    url = f"/v3/pay/transactions/out-trade-no/{number}?mchid={merchant.mchid}"
    wished = {"Wechatpay-Serial": merchant.public_key_id}
    for _ in range(10):
        answer = await merchant.call("GET", url, headers=wished)
        assert answer.headers["Wechatpay-Serial"] == merchant.public_key_id


@pytest.mark.parametrize(("percent", "by_public_key"), [(0, False), (100, True)])
async def test_the_percentage_is_the_public_keys_share(
    merchant: Merchant, percent: int, by_public_key: bool
) -> None:
    await mode(merchant.simulator, "grey", percent)
    await merchant.paid()
    serial = merchant.shop.received[0].headers["wechatpay-serial"]
    assert (serial == merchant.public_key_id) is by_public_key


async def test_secret_files_are_for_their_owner_only(simulator: Simulator) -> None:
    files = [path for path in simulator.folder.rglob("*") if path.suffix in (".pem", ".json")]
    assert len(files) == 9
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (simulator.folder / simulator.described["merchant_private_key_file"]) in files


def opened(merchant: Merchant, answer: Json) -> dict[str, x509.Certificate]:
    found = {}
    for entry in answer["data"]:
        sealed = entry["encrypt_certificate"]
        assert sealed["associated_data"] == "certificate"
        pem = AESGCM(merchant.apiv3_key.encode()).decrypt(
            sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), b"certificate"
        )
        found[entry["serial_no"]] = x509.load_pem_x509_certificate(pem)
    return found


async def mode(simulator: Simulator, name: str, percent: int = 100) -> None:
    await simulator.control("PUT", "/verification-mode", {"mode": name, "percent": percent})


def test_generating_twice_keeps_the_first_merchant(keys: Path) -> None:
    from simulator.merchant import generate, load

    before = load(keys)
    generate(keys)
    assert load(keys).mchid == before.mchid
    assert load(keys).serial_no == before.serial_no
