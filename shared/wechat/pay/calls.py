"""Requests signed as the merchant, to the second host when the first one is dead (wechat.md 5.2, 5.12)."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.wechat.http import Answer, ConnectionFailed, NoAnswer, exchange, save
from shared.wechat.pay.errors import OutcomeUnknown
from shared.wechat.pay.settings import PaySettings
from shared.wechat.signatures import authorization, request_message, sign

log = logging.getLogger(__name__)

_DEAD_HOST = (502, 503)


class Signer:
    """The merchant's signature, computed beside the event loop because RSA takes about a millisecond."""

    def __init__(self, settings: PaySettings) -> None:
        key = load_pem_private_key(settings.private_key_pem.encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the merchant's private key is an RSA key")
        self._key = key
        self._mchid = settings.mchid
        self._serial_no = settings.serial_no

    async def sign(self, message: bytes) -> str:
        """The signature of a message in base64."""
        return await asyncio.to_thread(sign, self._key, message)

    async def authorization(
        self, method: str, url_on_wire: str, body: bytes, *, timestamp: str, nonce: str
    ) -> str:
        """The `Authorization` header for one request (wechat.md 5.2)."""
        signature = await self.sign(request_message(method, url_on_wire, timestamp, nonce, body))
        return authorization(self._mchid, self._serial_no, nonce, timestamp, signature)


class SignedCalls:
    """Sends signed requests. Every one must be safe to repeat: it may reach both hosts."""

    def __init__(
        self,
        settings: PaySettings,
        signer: Signer,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._hosts = (settings.base_url, settings.fallback_url)
        self._signer = signer
        self._http = http
        self._clock = clock
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "jishi-wechat/1",
        }
        # The answer is then signed with this key, also while the account moves to public keys (5.2).
        if settings.public_keys:
            self._headers["Wechatpay-Serial"] = next(iter(settings.public_keys))

    async def send(
        self, method: str, path: str, body: bytes = b"", *, sealed_for: str | None = None
    ) -> Answer:
        """The first living host's answer, not verified yet; raises `OutcomeUnknown` when there is none.

        `sealed_for` is the serial of the platform's key with which fields of the body were sealed.
        """
        return await self._first_living(
            lambda host: self._signed(method, host + path, body, sealed_for=sealed_for),
            lambda request: exchange(self._http, request),
        )

    async def save(self, path: str, file: Path, *, limit_bytes: int) -> Answer:
        """Fetch a file and write it; the answer of a 200 is then empty. Raises as `send`."""
        return await self._first_living(
            lambda host: self._signed("GET", host + path, b"", sealed_for=None),
            lambda request: save(self._http, request, file, limit_bytes=limit_bytes),
        )

    async def _first_living(
        self,
        ask: Callable[[str], Awaitable[httpx.Request]],
        answer: Callable[[httpx.Request], Awaitable[Answer]],
    ) -> Answer:
        reason = ""
        for host in self._hosts:
            try:
                answered = await answer(await ask(host))
            except ConnectionFailed as error:
                reason = str(error)
            except NoAnswer as error:
                raise OutcomeUnknown(str(error)) from error
            else:
                if answered.status not in _DEAD_HOST:
                    return answered
                reason = f"status {answered.status}"
            log.warning("wechat pay host is dead", extra={"host": host, "reason": reason})
        raise OutcomeUnknown(reason)

    async def _signed(self, method: str, url: str, body: bytes, *, sealed_for: str | None) -> httpx.Request:
        request = self._http.build_request(method, url, content=body, headers=self._headers)
        if body:
            request.headers["Content-Type"] = "application/json"
        if sealed_for is not None:
            request.headers["Wechatpay-Serial"] = sealed_for
        request.headers["Authorization"] = await self._signer.authorization(
            method,
            request.url.raw_path.decode("ascii"),
            body,
            timestamp=str(int(self._clock().timestamp())),
            nonce=secrets.token_hex(16),
        )
        return request
