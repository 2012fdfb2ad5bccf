"""Every signature of the WeChat protocols as a pure function, to sign with and to check with.

Times are Unix seconds as text and bodies are bytes, exactly as on the wire: nothing here re-serialises.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_ATTRIBUTE = re.compile(r'([a-z_]+)="([^"]*)"')
_ATTRIBUTES = re.compile(r'[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*"){4}')


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the `Authorization` header of a WeChat Pay request says (wechat.md 5.2)."""

    mchid: str
    serial_no: str
    nonce: str
    timestamp: str
    signature: str


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """The base64 RSASSA-PKCS1-v1_5 SHA-256 signature of a message (wechat.md 5.2). About 1 ms of CPU."""
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode("ascii")


def verify(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether a signature is strict base64 and true; untrusted input never raises (wechat.md 5.3)."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def request_message(method: str, url_on_wire: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a merchant signs: method, path with query, time, nonce and body, a line each (wechat.md 5.2)."""
    return _lines(method, url_on_wire, timestamp, nonce) + body + b"\n"


def response_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the platform signs in answers and notices: time, nonce, raw body (wechat.md 5.3)."""
    return _lines(timestamp, nonce) + body + b"\n"


def pay_message(app_id: str, timestamp: str, nonce: str, package: str) -> bytes:
    """What a merchant signs for `wx.requestPayment`; `package` is `prepay_id=wx…` (wechat.md 5.7)."""
    return _lines(app_id, timestamp, nonce, package)


def authorization(mchid: str, serial_no: str, nonce: str, timestamp: str, signature: str) -> str:
    """The `Authorization` header of a signed request (wechat.md 5.2)."""
    return (
        f'{SCHEME} mchid="{mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{serial_no}"'
    )


def parse_authorization(header: str) -> Authorization | None:
    """The header's five attributes in any order, or None when it is malformed (wechat.md 5.2)."""
    scheme, _, rest = header.partition(" ")
    if scheme != SCHEME or not _ATTRIBUTES.fullmatch(rest):
        return None
    found = dict(_ATTRIBUTE.findall(rest))
    if found.keys() != {"mchid", "serial_no", "nonce_str", "timestamp", "signature"}:
        return None
    return Authorization(
        mchid=found["mchid"],
        serial_no=found["serial_no"],
        nonce=found["nonce_str"],
        timestamp=found["timestamp"],
        signature=found["signature"],
    )


def session_signature(session_key: str, message: bytes) -> str:
    """Hex HMAC-SHA256 keyed with the session key's base64 text, not its bytes (wechat.md 1.4)."""
    return hmac.new(session_key.encode(), message, hashlib.sha256).hexdigest()


def raw_data_signature(raw_data: str, session_key: str) -> str:
    """Hex SHA-1 that accompanies `rawData`, which must be exactly as received (wechat.md 1.3)."""
    return hashlib.sha1((raw_data + session_key).encode()).hexdigest()


def push_signature(*parts: str) -> str:
    """Hex SHA-1 of message push over token, timestamp, nonce, in safe mode also `Encrypt` (wechat.md 2.6)."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def _lines(*values: str) -> bytes:
    return "".join(f"{value}\n" for value in values).encode()
