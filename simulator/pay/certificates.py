"""`GET /v3/certificates`: the platform's certificates, encrypted with the APIv3 key (wechat.md 5.4)."""

import secrets
from typing import Any

from shared.wechat.encryption import gcm_encrypt
from simulator.clock import rfc3339
from simulator.merchant import PlatformCertificate
from simulator.pay.door import Call
from simulator.pay.errors import PayError
from simulator.pay.seals import Mode


def certificates(call: Call) -> dict[str, Any]:
    """The certificate in use and its successor; 404 for a merchant who has only the public key."""
    seals = call.platform.seals
    if seals.mode is Mode.PUBLIC_KEY:
        message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。"
        raise PayError(404, "RESOURCE_NOT_EXISTS", message)
    key = call.platform.merchant.apiv3_key
    return {"data": [_encrypted(certificate, key) for certificate in seals.certificates()]}


def _encrypted(certificate: PlatformCertificate, apiv3_key: str) -> dict[str, Any]:
    nonce = secrets.token_hex(6)
    return {
        "serial_no": certificate.serial_no,
        "effective_time": rfc3339(certificate.certificate.not_valid_before_utc.timestamp()),
        "expire_time": rfc3339(certificate.certificate.not_valid_after_utc.timestamp()),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": gcm_encrypt(apiv3_key, nonce, "certificate", certificate.pem),
        },
    }
