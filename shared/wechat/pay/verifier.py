"""Whether an answer or a notice is really WeChat Pay's (wechat.md 5.3)."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.wechat.pay.certificates import PlatformCertificate, normal_serial
from shared.wechat.pay.errors import Fault, Unverified, WeChatPayError
from shared.wechat.pay.settings import PUBLIC_KEY_PREFIX
from shared.wechat.signatures import SCHEME, response_message, verify

log = logging.getLogger(__name__)

WINDOW_S = 300
REFRESH_INTERVAL = timedelta(minutes=1)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_HEX_SERIAL = re.compile(r"[0-9A-Fa-f]{8,40}")


@dataclass(frozen=True, slots=True)
class Seal:
    """The four headers that prove a body."""

    timestamp: str
    nonce: str
    signature: str
    serial: str

    def check(self, body: bytes, key: RSAPublicKey | None) -> None:
        """Raise `Unverified` unless the key made this seal for exactly these bytes."""
        if key is None:
            raise Unverified(Fault.UNKNOWN_KEY)
        if not verify(key, response_message(self.timestamp, self.nonce, body), self.signature):
            raise Unverified(Fault.BAD_SIGNATURE)


def read_seal(headers: Mapping[str, str], *, at: datetime) -> Seal:
    """The seal in the headers, complete and less than five minutes away from `at`, or `Unverified`."""
    lowered = {name.lower(): value for name, value in headers.items()}
    timestamp, nonce, signature, serial = (
        lowered.get(f"wechatpay-{name}", "") for name in ("timestamp", "nonce", "signature", "serial")
    )
    if not all((timestamp, nonce, signature, serial)) or not (timestamp + nonce + serial).isascii():
        raise Unverified(Fault.MISSING_HEADER)
    if lowered.get("wechatpay-signature-type", SCHEME) != SCHEME:
        raise Unverified(Fault.BAD_SIGNATURE)
    if not _TIMESTAMP.fullmatch(timestamp) or abs(at.timestamp() - int(timestamp)) >= WINDOW_S:
        raise Unverified(Fault.STALE)
    return Seal(timestamp, nonce, signature, serial)


class Verifier:
    """Knows the platform's keys of both kinds at once.

    An unknown certificate serial triggers `refresh`, which is expected to call `introduce`; at most once a
    minute, because notices are unauthenticated input. An unknown `PUB_KEY_ID_…` triggers nothing.
    """

    def __init__(
        self,
        public_keys: Mapping[str, RSAPublicKey],
        *,
        clock: Callable[[], datetime],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._public_keys = dict(public_keys)
        self._certificates: dict[str, PlatformCertificate] = {}
        self._clock = clock
        self._refresh = refresh
        self._refreshing = asyncio.Lock()
        self._refreshed_at: datetime | None = None

    async def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise `Unverified` unless the headers prove these raw bytes."""
        seal = read_seal(headers, at=self._clock())
        if self._key(seal.serial, self._certificates) is None and _HEX_SERIAL.fullmatch(seal.serial):
            await self._refresh_once()
        seal.check(body, self._key(seal.serial, self._certificates))

    def introduce(
        self, certificates: Iterable[PlatformCertificate], headers: Mapping[str, str], body: bytes
    ) -> None:
        """Accept the certificates listed in a signed answer beside those known, each until it expires.

        The first list is signed by one of its own certificates (wechat.md 5.4); raises `Unverified`.
        """
        now = self._clock()
        seal = read_seal(headers, at=now)
        listed = {certificate.serial: certificate for certificate in certificates}
        seal.check(body, self._key(seal.serial, self._certificates | listed))
        self._certificates = {
            serial: certificate
            for serial, certificate in (self._certificates | listed).items()
            if certificate.expires_at > now
        }

    def sealing_key(self) -> tuple[str, RSAPublicKey] | None:
        """The serial and key with which sensitive fields are sealed (wechat.md 5.4, 5.5).

        The public key, or of the certificates the one that came into effect last; None before the first download.
        """
        for key_id, key in self._public_keys.items():
            return key_id, key
        now = self._clock()
        valid = [each for each in self._certificates.values() if each.effective_at <= now < each.expires_at]
        if not valid:
            return None
        newest = max(valid, key=lambda each: each.effective_at)
        return newest.serial.zfill(40), newest.public_key

    def _key(self, serial: str, certificates: Mapping[str, PlatformCertificate]) -> RSAPublicKey | None:
        if serial.startswith(PUBLIC_KEY_PREFIX):
            return self._public_keys.get(serial)
        certificate = certificates.get(normal_serial(serial))
        if certificate is None or certificate.expires_at <= self._clock():
            return None
        return certificate.public_key

    async def _refresh_once(self) -> None:
        async with self._refreshing:
            now = self._clock()
            if self._refreshed_at is not None and now - self._refreshed_at < REFRESH_INTERVAL:
                return
            self._refreshed_at = now
            try:
                await self._refresh()
            except WeChatPayError as error:
                log.warning("wechat pay certificates not refreshed", extra={"reason": str(error)})
