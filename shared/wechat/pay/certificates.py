"""The platform's certificates as `GET /v3/certificates` lists them (wechat.md 5.4)."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.wechat.encryption import DecryptionFailed, gcm_decrypt
from shared.wechat.pay.errors import MalformedAnswer


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """One certificate the platform signs with until it expires."""

    serial: str
    public_key: RSAPublicKey
    effective_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, pem: bytes) -> "PlatformCertificate":
        """Read a PEM certificate; raises `ValueError` unless its key is RSA."""
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("a platform certificate has an RSA key")
        return cls(
            serial=normal_serial(f"{certificate.serial_number:X}"),
            public_key=key,
            effective_at=certificate.not_valid_before_utc,
            expires_at=certificate.not_valid_after_utc,
        )


def normal_serial(serial: str) -> str:
    """One spelling of a certificate's serial number: upper case, without leading zeros."""
    return serial.upper().lstrip("0")


def open_certificates(apiv3_key: str, body: bytes) -> tuple[PlatformCertificate, ...]:
    """Decrypt the certificate list; raises `MalformedAnswer`, also when the APIv3 key is another one."""
    try:
        return tuple(
            PlatformCertificate.of(
                gcm_decrypt(
                    apiv3_key, sealed["nonce"], sealed.get("associated_data") or "", sealed["ciphertext"]
                )
            )
            for sealed in (entry["encrypt_certificate"] for entry in orjson.loads(body)["data"])
        )
    except (KeyError, TypeError, ValueError, AttributeError, DecryptionFailed) as error:
        raise MalformedAnswer(f"certificate list: {type(error).__name__}") from None
