"""Every encryption of the WeChat protocols as a pure function, both directions.

Whatever is wrong with a ciphertext is the one error `DecryptionFailed`: telling causes apart is an oracle.
"""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.padding import PKCS7

_OPEN_DATA_BLOCK = 128
_PUSH_BLOCK = 256


class DecryptionFailed(Exception):
    """The ciphertext was not made with this key, or for this app."""

    def __init__(self) -> None:
        super().__init__("the ciphertext was not made with this key, or not for this app")


def gcm_encrypt(apiv3_key: str, nonce: str, associated_data: str, plaintext: bytes) -> str:
    """AES-256-GCM as in notices and certificates, base64 with the tag at the end (wechat.md 5.5)."""
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plaintext, associated_data.encode())
    return base64.b64encode(sealed).decode("ascii")


def gcm_decrypt(apiv3_key: str, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """The plaintext of a notice's resource or a certificate (wechat.md 5.5); raises `DecryptionFailed`."""
    try:
        sealed = base64.b64decode(ciphertext, validate=True)
        return AESGCM(apiv3_key.encode()).decrypt(nonce.encode(), sealed, associated_data.encode())
    except (ValueError, InvalidTag):
        raise DecryptionFailed from None


def oaep_encrypt(key: RSAPublicKey, plaintext: str) -> str:
    """RSA-OAEP with SHA-1 for sensitive fields, at most 214 bytes of UTF-8 (wechat.md 5.5)."""
    return base64.b64encode(key.encrypt(plaintext.encode(), _oaep())).decode("ascii")


def oaep_decrypt(key: RSAPrivateKey, ciphertext: str) -> str:
    """The text of a sensitive field (wechat.md 5.5); raises `DecryptionFailed`."""
    try:
        return key.decrypt(base64.b64decode(ciphertext, validate=True), _oaep()).decode()
    except ValueError:
        raise DecryptionFailed from None


def encrypt_open_data(session_key: str, iv: str, data: bytes) -> str:
    """`encryptedData` as the platform makes it: AES-128-CBC, base64 in and out (wechat.md 1.3)."""
    sealed = _cbc_encrypt(base64.b64decode(session_key), base64.b64decode(iv), data, _OPEN_DATA_BLOCK)
    return base64.b64encode(sealed).decode("ascii")


def decrypt_open_data(session_key: str, iv: str, encrypted_data: str, app_id: str) -> dict[str, Any]:
    """The JSON object inside `encryptedData`, watermarked for this app (wechat.md 1.3).

    Raises `DecryptionFailed`; the client must then log in again and send new data.
    """
    try:
        key = base64.b64decode(session_key, validate=True)
        sealed = base64.b64decode(encrypted_data, validate=True)
        data = json.loads(_cbc_decrypt(key, base64.b64decode(iv, validate=True), sealed, _OPEN_DATA_BLOCK))
    except (ValueError, RecursionError):
        raise DecryptionFailed from None
    watermark = data.get("watermark") if isinstance(data, dict) else None
    if len(key) != 16 or not isinstance(watermark, dict) or watermark.get("appid") != app_id:
        raise DecryptionFailed
    return data  # type: ignore[no-any-return]


def encrypt_push(encoding_aes_key: str, app_id: str, message: bytes, *, random16: bytes) -> str:
    """`Encrypt` of message push in safe mode; `random16` is 16 fresh random bytes (wechat.md 2.6)."""
    key = _push_key(encoding_aes_key)
    content = random16 + len(message).to_bytes(4, "big") + message + app_id.encode()
    return base64.b64encode(_cbc_encrypt(key, key[:16], content, _PUSH_BLOCK)).decode("ascii")


def decrypt_push(encoding_aes_key: str, app_id: str, encrypted: str) -> bytes:
    """The message inside `Encrypt`, made for this app (wechat.md 2.6); raises `DecryptionFailed`."""
    key = _push_key(encoding_aes_key)
    try:
        content = _cbc_decrypt(key, key[:16], base64.b64decode(encrypted, validate=True), _PUSH_BLOCK)
    except ValueError:
        raise DecryptionFailed from None
    end = 20 + int.from_bytes(content[16:20], "big")
    if content[end:] != app_id.encode():
        raise DecryptionFailed
    return content[20:end]


def _push_key(encoding_aes_key: str) -> bytes:
    # The platform lets people choose the 43rd character freely, so its two spare bits may be set.
    return base64.b64decode(encoding_aes_key + "=")


def _cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes, block_bits: int) -> bytes:
    padder = PKCS7(block_bits).padder()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def _cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes, block_bits: int) -> bytes:
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    unpadder = PKCS7(block_bits).unpadder()
    return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def _oaep() -> OAEP:
    return OAEP(mgf=MGF1(algorithm=SHA1()), algorithm=SHA1(), label=None)
