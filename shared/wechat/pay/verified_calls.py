"""Signed calls whose answers are proved to be the platform's before they are read (wechat.md 5.3, 5.4)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.wechat.pay.calls import SignedCalls, Signer
from shared.wechat.pay.certificates import open_certificates
from shared.wechat.pay.errors import (
    MalformedAnswer,
    OutcomeUnknown,
    Unverified,
    WeChatPayRefused,
    raise_for_failure,
)
from shared.wechat.pay.settings import PaySettings
from shared.wechat.pay.verifier import Verifier

_UNKNOWN_CODES = ("ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS")


class VerifiedCalls:
    """Sends a merchant's calls and keeps the keys that prove the answers.

    Raises `WeChatPayRefused`, or `OutcomeUnknown` also for a success that is not proved.
    """

    def __init__(
        self,
        settings: PaySettings,
        signer: Signer,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._calls = SignedCalls(settings, signer, http, clock=clock)
        public_keys = {key_id: _public_key(pem) for key_id, pem in settings.public_keys.items()}
        self.verifier = Verifier(public_keys, clock=clock, refresh=self.refresh_certificates)

    async def call(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        *,
        sealed_for: str | None = None,
    ) -> dict[str, Any]:
        """The proved answer's JSON, empty for 204; `sealed_for` as `SignedCalls.send` takes it."""
        body = b"" if content is None else orjson.dumps(content)
        answer = await self._calls.send(method, path, body, sealed_for=sealed_for)
        raise_for_failure(answer)
        try:
            await self.verifier.check(answer.headers, answer.body)
            said = orjson.loads(answer.body or b"{}")
        except Unverified as error:
            raise OutcomeUnknown(f"unverifiable answer: {error.reason}") from error
        except ValueError as error:
            raise MalformedAnswer("not JSON") from error
        if not isinstance(said, dict):
            raise MalformedAnswer("not a JSON object")
        return said

    async def query(self, path: str) -> dict[str, Any] | None:
        """What the platform knows, or None when it says that it knows nothing of it (wechat.md 5.12)."""
        try:
            return await self.call("GET", path)
        except WeChatPayRefused as refusal:
            if refusal.status == 404 and refusal.code in _UNKNOWN_CODES:
                return None
            raise

    async def sealing_key(self) -> tuple[str, RSAPublicKey]:
        """The serial and key for sensitive fields (wechat.md 5.5); raises `OutcomeUnknown` when none can be had."""
        if (key := self.verifier.sealing_key()) is None:
            await self.refresh_certificates()
            key = self.verifier.sealing_key()
        if key is None:
            raise OutcomeUnknown("no key of the platform to seal with")
        return key

    async def download(self, url: str, path: Path, *, limit_bytes: int) -> None:
        """Write a file, which carries no signature, to `path` (wechat.md 5.11).

        Only the configured hosts are asked, whatever the URL says: a signed request goes nowhere else.
        """
        on_wire = httpx.URL(url).raw_path.decode("ascii")
        raise_for_failure(await self._calls.save(on_wire, path, limit_bytes=limit_bytes))

    async def refresh_certificates(self) -> None:
        """Download the platform's certificates and accept those that prove themselves (wechat.md 5.4)."""
        if not self._settings.uses_certificates:
            return
        answer = await self._calls.send("GET", "/v3/certificates")
        raise_for_failure(answer)
        # The first list is signed by one of the certificates in it: decrypt first, verify afterwards.
        certificates = open_certificates(self._settings.apiv3_key, answer.body)
        try:
            self.verifier.introduce(certificates, answer.headers, answer.body)
        except Unverified as error:
            raise OutcomeUnknown(f"unverifiable certificate list: {error.reason}") from error


def _public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the WeChat Pay public key is an RSA key")
    return key
