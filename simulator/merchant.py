"""The invented merchant and the platform's keys: made once in a folder, then read by simulator and shop alike.

`merchant.json` names everything; file names in it are relative to the folder. The shop's side is `appid`,
`app_secret`, `mchid`, `merchant_serial_no`, `merchant_private_key_file`, `apiv3_key`, `platform_public_key_id`,
`platform_public_key_file` and `templates`; everything under `platform/` belongs to the simulator alone.
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

from simulator.mini.templates import TEMPLATES

FIVE_YEARS = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """One platform certificate with its key; `serial_no` is 40 upper-case hex digits (wechat.md 5.1)."""

    serial_no: str
    certificate: x509.Certificate
    pem: bytes
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Merchant:
    """What both sides agreed on when the merchant was opened, with the keys ready to use."""

    folder: Path
    appid: str
    app_secret: str
    mchid: str
    serial_no: str
    public_key: RSAPublicKey
    apiv3_key: str
    platform_public_key_id: str
    platform_key: RSAPrivateKey
    templates: dict[str, dict[str, Any]]


def generate(folder: Path) -> None:
    """Invent a merchant in an empty folder: keys, certificates, secrets (files of mode 600) and `merchant.json`.

    A folder that already holds a `merchant.json` is left as it is, so calling it at every start is safe.
    """
    if (folder / "merchant.json").exists():
        return
    (folder / "platform").mkdir(parents=True, exist_ok=True)
    key = new_key()
    certificate = certify(key, "Jishi invented merchant", starting=datetime.now(UTC))
    platform_key = new_key()
    write(folder / "merchant_private_key.pem", private_pem(key))
    write(folder / "merchant_certificate.pem", certificate.public_bytes(serialization.Encoding.PEM))
    write(folder / "platform" / "private_key.pem", private_pem(platform_key))
    write(folder / "platform_public_key.pem", public_pem(platform_key.public_key()))
    for number, age in enumerate((timedelta(days=30), timedelta(days=1))):
        issue_platform_certificate(folder, number, starting=datetime.now(UTC) - age)
    described = {
        "appid": "wx" + secrets.token_hex(8),
        "app_secret": secrets.token_hex(16),
        "mchid": "19" + "".join(secrets.choice("0123456789") for _ in range(8)),
        "merchant_serial_no": serial_of(certificate),
        "merchant_private_key_file": "merchant_private_key.pem",
        "merchant_certificate_file": "merchant_certificate.pem",
        "apiv3_key": secrets.token_hex(16),
        "platform_public_key_id": "PUB_KEY_ID_0" + "".join(secrets.choice("0123456789") for _ in range(39)),
        "platform_public_key_file": "platform_public_key.pem",
        "templates": TEMPLATES,
    }
    write(folder / "merchant.json", json.dumps(described, ensure_ascii=False, indent=2).encode())


def load(folder: Path) -> Merchant:
    """The merchant that `generate` made in this folder; raises `FileNotFoundError` when there is none."""
    described = json.loads((folder / "merchant.json").read_bytes())
    certificate = x509.load_pem_x509_certificate(
        (folder / described["merchant_certificate_file"]).read_bytes()
    )
    public_key = certificate.public_key()
    assert isinstance(public_key, RSAPublicKey)
    return Merchant(
        folder=folder,
        appid=described["appid"],
        app_secret=described["app_secret"],
        mchid=described["mchid"],
        serial_no=described["merchant_serial_no"],
        public_key=public_key,
        apiv3_key=described["apiv3_key"],
        platform_public_key_id=described["platform_public_key_id"],
        platform_key=_read_key(folder / "platform" / "private_key.pem"),
        templates=described["templates"],
    )


def issue_platform_certificate(folder: Path, number: int, *, starting: datetime) -> PlatformCertificate:
    """Write the platform's next certificate and its key; their numbers give the order of use."""
    key = new_key()
    certificate = certify(key, "Tenpay.com Root CA (simulated)", starting=starting)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write(folder / "platform" / f"certificate-{number:03}.key.pem", private_pem(key))
    write(folder / "platform" / f"certificate-{number:03}.pem", pem)
    return PlatformCertificate(serial_of(certificate), certificate, pem, key)


def platform_certificates(folder: Path) -> list[PlatformCertificate]:
    """Every platform certificate ever issued here, oldest first."""
    found = []
    for path in sorted((folder / "platform").glob("certificate-???.pem")):
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = _read_key(path.with_suffix(".key.pem"))
        found.append(PlatformCertificate(serial_of(certificate), certificate, pem, key))
    return found


def new_key() -> RSAPrivateKey:
    """A fresh RSA 2048 key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certify(key: RSAPrivateKey, name: str, *, starting: datetime) -> x509.Certificate:
    """A self-signed certificate of five years with a full 40-digit serial (wechat.md 5.1)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    # The top byte is 0x5x, so that the serial always has its 40 hex digits and stays positive in DER.
    serial = int.from_bytes(bytes([0x50 | secrets.randbelow(16)]) + secrets.token_bytes(19), "big")
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=starting,
        not_valid_after=starting + FIVE_YEARS,
    )
    return builder.sign(key, hashes.SHA256())


def serial_of(certificate: x509.Certificate) -> str:
    """A certificate's serial as WeChat Pay writes it: 40 upper-case hex digits."""
    return f"{certificate.serial_number:040X}"


def private_pem(key: RSAPrivateKey) -> bytes:
    """A private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: RSAPublicKey) -> bytes:
    """A public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def write(path: Path, content: bytes) -> None:
    """Write a secret file that only its owner may read, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    beside.replace(path)


def _read_key(path: Path) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key
