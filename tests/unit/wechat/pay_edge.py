"""The network's edge for these tests: the vectors' keys, a clock, and a WeChat Pay that signs as told."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from shared.wechat.encryption import gcm_encrypt
from shared.wechat.pay import PaySettings, WeChatPay
from shared.wechat.signatures import parse_authorization, request_message, response_message, sign, verify

BOOK: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text())
KEYS = BOOK["keys"]
OFFICIAL = BOOK["official_samples"]
NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)

Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey)
    return key


PUBLIC_KEY_ID = KEYS["platform_public_key"]["id"]
SIGNING_KEYS = {
    PUBLIC_KEY_ID: private_key(KEYS["platform_public_key"]["private_key_pem"]),
    KEYS["platform_certificate"]["serial_no"]: private_key(KEYS["platform_certificate"]["private_key_pem"]),
    KEYS["platform_certificate_next"]["serial_no"]: private_key(
        KEYS["platform_certificate_next"]["private_key_pem"]
    ),
}
CERTIFICATE, NEXT_CERTIFICATE = list(SIGNING_KEYS)[1:]
MERCHANT_PUBLIC_KEY = public_key(KEYS["merchant"]["public_key_pem"])

SETTINGS = PaySettings(
    mchid=KEYS["merchant"]["mchid"],
    appid=KEYS["merchant"]["appid"],
    private_key_pem=KEYS["merchant"]["private_key_pem"],
    serial_no=KEYS["merchant"]["serial_no"],
    apiv3_key=KEYS["apiv3_key"],
    public_keys={PUBLIC_KEY_ID: KEYS["platform_public_key"]["public_key_pem"]},
    base_url="https://pay.test",
    fallback_url="https://pay2.test",
)
CERTIFICATES_ONLY = replace(SETTINGS, public_keys={}, uses_certificates=True)
BOTH_KINDS = replace(SETTINGS, uses_certificates=True)


class ManualTime:
    """A clock that moves only when told."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def seal(body: bytes, *, at: datetime = NOW, serial: str = PUBLIC_KEY_ID) -> dict[str, str]:
    """The headers with which the platform proves a body."""
    timestamp, nonce = str(int(at.timestamp())), "d824f2e086d3c1df967785d13fcd22ef"
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Wechatpay-Signature": sign(SIGNING_KEYS[serial], response_message(timestamp, nonce, body)),
    }


def sealed(
    content: Any, *, status: int = 200, at: datetime = NOW, serial: str = PUBLIC_KEY_ID
) -> httpx.Response:
    """A signed answer; None is an empty one."""
    body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
    return httpx.Response(status, headers=seal(body, at=at, serial=serial), content=body)


def refusal(status: int, code: str, message: str = "…", *, request_id: str = "") -> httpx.Response:
    """An error answer, unsigned as the platform's are."""
    return httpx.Response(status, headers={"Request-ID": request_id}, json={"code": code, "message": message})


def certificate_list(*names: str) -> dict[str, Any]:
    """What GET /v3/certificates says about these entries of the vectors' keys."""
    return {
        "data": [
            {
                "serial_no": KEYS[name]["serial_no"],
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "nonce": "813a3b21698e",
                    "associated_data": "certificate",
                    "ciphertext": gcm_encrypt(
                        KEYS["apiv3_key"],
                        "813a3b21698e",
                        "certificate",
                        KEYS[name]["certificate_pem"].encode(),
                    ),
                },
            }
            for name in names
        ]
    }


def notice(
    resource: dict[str, Any], *, event_type: str = "TRANSACTION.SUCCESS", key: str = KEYS["apiv3_key"]
) -> bytes:
    """The body of a notice about a resource."""
    plaintext = json.dumps(resource).encode()
    return json.dumps(
        {
            "id": "a2c1f0de-1b2c-5d3e-8f40-111213141516",
            "event_type": event_type,
            "resource_type": "encrypt-resource",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "nonce": "pJzPEVj3TKtN",
                "ciphertext": gcm_encrypt(key, "pJzPEVj3TKtN", "", plaintext),
            },
        }
    ).encode()


class PayEdge:
    """Takes what the client sends, insists on a true signature, and answers as told."""

    def __init__(self, *handlers: Handler) -> None:
        self._handlers = list(handlers)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        said = parse_authorization(request.headers["Authorization"])
        assert said is not None
        assert (said.mchid, said.serial_no) == (SETTINGS.mchid, SETTINGS.serial_no)
        wire = request.url.raw_path.decode()
        message = request_message(request.method, wire, said.timestamp, said.nonce, request.content)
        assert verify(MERCHANT_PUBLIC_KEY, message, said.signature)
        assert request.headers["Accept"] == "application/json"
        assert request.headers["User-Agent"]
        self.requests.append(request)
        # The last handler answers whatever else comes.
        handler = self._handlers.pop(0) if len(self._handlers) > 1 else self._handlers[0]
        return await handler(request)

    def client(self, settings: PaySettings = SETTINGS, *, clock: Callable[[], datetime]) -> WeChatPay:
        return WeChatPay(settings, httpx.AsyncClient(transport=httpx.MockTransport(self)), clock=clock)


def answering(response: httpx.Response) -> Handler:
    """A handler that always gives copies of one answer."""

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    return answer


def failing(error: Exception) -> Handler:
    """A handler whose connection fails."""

    async def fail(request: httpx.Request) -> httpx.Response:
        raise error

    return fail


def decoded(vector: dict[str, Any]) -> bytes:
    """A vector's body as its exact bytes."""
    return base64.b64decode(vector["body_b64"])
