"""The platform's signatures on answers and notices, by public key, by certificate, or mixed (wechat.md 5.1, 5.3)."""

import asyncio
import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from shared.wechat.signatures import SCHEME, response_message, sign
from simulator.books import Books
from simulator.clock import Clock
from simulator.merchant import (
    Merchant,
    PlatformCertificate,
    issue_platform_certificate,
    new_key,
    platform_certificates,
)

DAY_SECONDS = 86_400


class Seal(StrEnum):
    """How an answer or notice is signed: rightly, or wrong in one of the ways that a shop must refuse."""

    GOOD = "good"
    BAD = "bad_signature"
    MISSING = "missing_signature"
    PROBE = "probe_signature"
    WRONG_SERIAL = "wrong_serial"
    STALE = "stale_timestamp"
    FOREIGN_KEY = "foreign_key"


class Mode(StrEnum):
    """Which key signs: the public key, a platform certificate, or either by percentage."""

    PUBLIC_KEY = "public_key"
    CERTIFICATE = "certificate"
    GREY = "grey"


class Seals:
    """The platform's keys at work; signing runs in threads, for it costs a millisecond of CPU."""

    def __init__(self, merchant: Merchant, books: Books, clock: Clock) -> None:
        self._merchant, self._books, self._clock = merchant, books, clock
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="seal")
        self._certificates = platform_certificates(merchant.folder)
        self._active: int = books.kept("active_certificate", 0)
        self.mode = Mode(books.kept("verification_mode", Mode.PUBLIC_KEY))
        self.public_key_percent: int = books.kept("public_key_percent", 100)

    def set_mode(self, mode: Mode, *, public_key_percent: int) -> None:
        """Choose the verification mode; the percentage counts in grey mode only."""
        self.mode, self.public_key_percent = mode, public_key_percent
        self._books.keep("verification_mode", mode)
        self._books.keep("public_key_percent", public_key_percent)

    def certificates(self) -> list[PlatformCertificate]:
        """The certificates that `/v3/certificates` lists: the one in use and its successor."""
        return self._certificates[self._active : self._active + 2]

    async def rotate(self) -> None:
        """Sign with the successor from now on, and issue the next one."""
        number = len(self._certificates)
        starting = datetime.now(UTC)
        issued = await asyncio.to_thread(
            issue_platform_certificate, self._merchant.folder, number, starting=starting
        )
        self._certificates.append(issued)
        self._active = number - 1
        self._books.keep("active_certificate", self._active)

    async def headers(
        self, body: bytes, *, seal: Seal = Seal.GOOD, public_key_wanted: bool = False
    ) -> dict[str, str]:
        """The five `Wechatpay-*` headers over exactly these bytes.

        A request that named the public key (`public_key_wanted`) is answered with it wherever it is valid.
        """
        if seal is Seal.MISSING:
            return {}
        serial, key = self._signer(public_key_wanted)
        timestamp = str(int(self._clock.wire()) - (DAY_SECONDS if seal is Seal.STALE else 0))
        nonce = secrets.token_hex(16)
        if seal is Seal.FOREIGN_KEY:
            key = await asyncio.to_thread(new_key)
        message = response_message(timestamp, nonce, body)
        signature = await asyncio.get_running_loop().run_in_executor(self._threads, sign, key, message)
        if seal is Seal.BAD:
            signature = ("B" if signature[0] == "A" else "A") + signature[1:]
        if seal is Seal.PROBE:
            signature = "WECHATPAY/SIGNTEST/" + signature[19:]
        if seal is Seal.WRONG_SERIAL:
            serial = f"{secrets.randbits(158) | 1 << 158:040X}"
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature-Type": SCHEME,
        }

    def private_key(self, serial: str) -> RSAPrivateKey | None:
        """The key that opens what was sealed for a serial; None when the platform has no such key."""
        keys = {each.serial_no: each.key for each in self._certificates}
        return {**keys, self._merchant.platform_public_key_id: self._merchant.platform_key}.get(serial)

    def close(self) -> None:
        """Let the signing threads go."""
        self._threads.shutdown(wait=False)

    def _signer(self, public_key_wanted: bool) -> tuple[str, RSAPrivateKey]:
        if self._by_public_key(public_key_wanted):
            return self._merchant.platform_public_key_id, self._merchant.platform_key
        certificate = self._certificates[self._active]
        return certificate.serial_no, certificate.key

    def _by_public_key(self, wanted: bool) -> bool:
        if self.mode is Mode.GREY:
            return wanted or random.randrange(100) < self.public_key_percent
        return self.mode is Mode.PUBLIC_KEY
