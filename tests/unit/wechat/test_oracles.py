"""Agreement with libraries that share no code with ours: `wechatpayv3` and `wechatpy`, in both directions."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import wechatpayv3
from wechatpayv3 import utils as oracle
from wechatpy import crypto as wechatpy_crypto
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import check_signature

from shared.wechat.encryption import (
    decrypt_open_data,
    decrypt_push,
    encrypt_open_data,
    encrypt_push,
    gcm_encrypt,
    oaep_decrypt,
    oaep_encrypt,
)
from shared.wechat.pay.calls import Signer
from shared.wechat.push import MessagePush
from shared.wechat.signatures import (
    parse_authorization,
    push_signature,
    request_message,
    response_message,
    sign,
    verify,
)
from tests.unit.wechat.pay_edge import (
    KEYS,
    MERCHANT_PUBLIC_KEY,
    PUBLIC_KEY_ID,
    SETTINGS,
    SIGNING_KEYS,
    ManualTime,
    PayEdge,
    failing,
    notice,
    private_key,
    seal,
)

PRIVATE_PEM = KEYS["merchant"]["private_key_pem"]
PUSH = MessagePush(
    appid="wx75fcc2efb086dfed",
    token="fvuZVTkku1LahUW6QFZ3wJXK",
    encoding_aes_key="0gYMJrse2XRWGCretWJ9MRLDyQD9V6Xw6BPCbLXdFHe",
)


def the_library() -> Any:
    """`wechatpayv3` set up for the same merchant in public-key mode."""
    return wechatpayv3.WeChatPay(
        wechatpay_type=wechatpayv3.WeChatPayType.MINIPROG,
        mchid=SETTINGS.mchid,
        private_key=PRIVATE_PEM,
        cert_serial_no=SETTINGS.serial_no,
        apiv3_key=SETTINGS.apiv3_key,
        appid=SETTINGS.appid,
        notify_url="https://shop.example.com/pay/notices",
        public_key=KEYS["platform_public_key"]["public_key_pem"],
        public_key_id=PUBLIC_KEY_ID,
    )


@pytest.mark.parametrize("body", ["", '{"description":"云南小粒咖啡豆"}'])
async def test_both_sign_a_request_with_the_same_header(body: str) -> None:
    url = "/v3/refund/domestic/refunds?a=%7C"
    method = "POST" if body else "GET"
    theirs = parse_authorization(
        oracle.build_authorization(
            url, method, SETTINGS.mchid, SETTINGS.serial_no, oracle.load_private_key(PRIVATE_PEM), data=body
        )
    )
    assert theirs is not None

    ours = await Signer(SETTINGS).authorization(
        method, url, body.encode(), timestamp=theirs.timestamp, nonce=theirs.nonce
    )

    assert parse_authorization(ours) == theirs
    message = request_message(method, url, theirs.timestamp, theirs.nonce, body.encode())
    assert verify(MERCHANT_PUBLIC_KEY, message, theirs.signature)


def test_each_verifies_what_the_other_signed() -> None:
    key = SIGNING_KEYS[PUBLIC_KEY_ID]
    ours = sign(key, response_message("1767254366", "nonce", b'{"code_url":"x"}'))
    theirs = oracle.rsa_sign(key, '1767254366\nnonce\n{"code_url":"x"}\n')

    assert oracle.rsa_verify("1767254366", "nonce", '{"code_url":"x"}', ours, key.public_key())
    assert not oracle.rsa_verify("1767254367", "nonce", '{"code_url":"x"}', ours, key.public_key())
    assert verify(key.public_key(), response_message("1767254366", "nonce", b'{"code_url":"x"}'), theirs)


def test_each_decrypts_the_sensitive_fields_of_the_other() -> None:
    key = private_key(PRIVATE_PEM)

    assert oracle.rsa_decrypt(oaep_encrypt(key.public_key(), "张三"), key) == "张三"
    certificate = oracle.load_certificate(KEYS["merchant"]["certificate_pem"])
    assert oaep_decrypt(key, oracle.rsa_encrypt("张三", certificate.public_key())) == "张三"


def test_the_library_decrypts_what_we_encrypt_for_a_notice() -> None:
    ciphertext = gcm_encrypt(SETTINGS.apiv3_key, "pJzPEVj3TKtN", "transaction", "已支付".encode())

    assert oracle.aes_decrypt("pJzPEVj3TKtN", ciphertext, "transaction", SETTINGS.apiv3_key) == "已支付"


async def test_both_open_the_same_notice_alike() -> None:
    now = datetime.fromtimestamp(int(time.time()), UTC)
    body = notice({"out_trade_no": "SH1", "trade_state": "SUCCESS"})
    headers = seal(body, at=now)

    theirs = the_library().callback(headers, body)
    ours = (
        await PayEdge(failing(AssertionError("no call")))
        .client(clock=ManualTime(now))
        .open_notice(headers, body)
    )

    assert theirs["event_type"] == ours.event_type
    assert theirs["resource"] == ours.resource == {"out_trade_no": "SH1", "trade_state": "SUCCESS"}


async def test_the_library_computes_the_same_payment_parameters() -> None:
    payment = (
        await PayEdge(failing(AssertionError("no call"))).client(clock=ManualTime()).request_payment("wx1")
    )

    theirs = the_library().sign([SETTINGS.appid, payment.timeStamp, payment.nonceStr, payment.package])

    assert payment.paySign == theirs


def test_wechatpy_decrypts_the_open_data_we_encrypt() -> None:
    session_key = base64.b64encode(b"0123456789abcdef").decode()
    iv = base64.b64encode(b"fedcba9876543210").decode()
    profile = {"nickName": "小明", "watermark": {"timestamp": 1, "appid": PUSH.appid}}

    encrypted = encrypt_open_data(session_key, iv, json.dumps(profile).encode())

    assert WeChatWxaCrypto(session_key, iv, PUSH.appid).decrypt_message(encrypted) == profile
    assert decrypt_open_data(session_key, iv, encrypted, PUSH.appid) == profile


def test_wechatpy_opens_the_push_we_encrypt_and_we_open_its_own() -> None:
    library = wechatpy_crypto.WeChatCrypto(PUSH.token, PUSH.encoding_aes_key, PUSH.appid)
    message = "<xml><Content><![CDATA[你好]]></Content></xml>"
    encrypted = encrypt_push(
        PUSH.encoding_aes_key, PUSH.appid, message.encode(), random16=b"0123456789abcdef"
    )
    signature = push_signature(PUSH.token, "1767225600", "1514711492", encrypted)

    opened = library.decrypt_message({"Encrypt": encrypted}, signature, "1767225600", "1514711492")
    sealed = library.encrypt_message(message, "1514711492", "1767225600")

    assert opened == message
    theirs = sealed.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    assert decrypt_push(PUSH.encoding_aes_key, PUSH.appid, theirs).decode() == message
    query = {
        "timestamp": "1767225600",
        "nonce": "1514711492",
        "msg_signature": push_signature(PUSH.token, "1767225600", "1514711492", theirs),
    }
    assert query["msg_signature"] in sealed
    assert PUSH.open(query, sealed.encode()) == {"Content": "你好"}


def test_wechatpy_accepts_our_signature_of_a_url_check() -> None:
    signature = push_signature(PUSH.token, "1767303866", "4260227632")

    check_signature(PUSH.token, signature, "1767303866", "4260227632")
    with pytest.raises(InvalidSignatureException):
        check_signature(PUSH.token, signature, "1767303867", "4260227632")
