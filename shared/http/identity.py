"""Who calls: a short-lived signed identity minted per request and service, verified on every route (SEC3).

A JSON Web Token (RFC 7519) of one algorithm, EdDSA, written and read here: half the CPU of a library for all of them.
"""

import base64
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

HEADER = "x-internal-identity"
ALGORITHM = "EdDSA"
CLAIMS = frozenset({"iss", "aud", "typ", "exp", "sub", "sid", "roles", "openid"})
LIFETIME_SECONDS = 60
_RENEW_SECONDS = 20
_SKEW_SECONDS = 5
_CACHE_SIZE = 20_000


class Kind(StrEnum):
    """What kind of caller this is."""

    ANONYMOUS = "anonymous"
    MEMBER = "member"
    OPERATOR = "operator"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Principal:
    """The proven caller: the person (or service) behind a request, and the process that vouches for it.

    ``issuer`` is ``gateway`` or a service's name; ``subject`` the member or operator id; ``session`` the login's id
    (an anonymous visitor has neither).
    """

    kind: Kind
    subject: UUID | None = None
    session: UUID | None = None
    roles: frozenset[str] = frozenset()
    wechat_openid: str | None = None
    issuer: str = ""

    @property
    def member_id(self) -> UUID:
        """The member's id; only for members."""
        if self.kind is not Kind.MEMBER or self.subject is None:
            raise LookupError("the caller is no member")
        return self.subject


ANONYMOUS = Principal(Kind.ANONYMOUS)


class IdentityRefused(Exception):
    """The identity is missing, expired, meant for another service, or not signed by whom it says."""


class Identity:
    """Mints identities with this process's own key, and verifies the others' with the keyring."""

    def __init__(
        self, name: str, key: Ed25519PrivateKey, key_id: str, keyring: dict[str, dict[str, str]]
    ) -> None:
        self.name = name
        self._key = key
        self._header = _encoded(orjson.dumps({"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}))
        self._public_keys = {
            (issuer, kid): Ed25519PublicKey.from_public_bytes(_decoded(x))
            for issuer, keys in keyring.items()
            for kid, x in keys.items()
        }
        self._minted: dict[tuple[str, Principal], tuple[str, float]] = {}
        self._verified: dict[str, tuple[Principal, float]] = {}

    @classmethod
    def from_files(cls, name: str, key_file: Path, keyring_file: Path) -> "Identity":
        """Load this process's private key (PEM) and everybody's public keys (JSON: issuer → key id → x)."""
        key = load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{key_file} holds no Ed25519 key")
        keyring: dict[str, dict[str, str]] = orjson.loads(keyring_file.read_bytes())
        own = public_key_text(key)
        key_id = next((kid for kid, x in keyring.get(name, {}).items() if x == own), None)
        if key_id is None:
            raise ValueError(f"{keyring_file} does not list the key of {name}")
        return cls(name, key, key_id, keyring)

    def mint(self, audience: str, principal: Principal) -> str:
        """A token that tells ``audience`` who is calling; the same one is reused for most of a minute."""
        now = time.time()
        cached = self._minted.get((audience, principal))
        if cached and cached[1] - now > _RENEW_SECONDS:
            return cached[0]
        expires = now + LIFETIME_SECONDS
        claims: dict[str, Any] = {
            "iss": self.name,
            "aud": audience,
            "typ": principal.kind.value,
            "exp": int(expires),
        }
        if principal.subject:
            claims["sub"] = str(principal.subject)
        if principal.session:
            claims["sid"] = str(principal.session)
        if principal.roles:
            claims["roles"] = sorted(principal.roles)
        if principal.wechat_openid:
            claims["openid"] = principal.wechat_openid
        signed = f"{self._header}.{_encoded(orjson.dumps(claims))}"
        token = f"{signed}.{_encoded(self._key.sign(signed.encode()))}"
        if len(self._minted) >= _CACHE_SIZE:
            self._minted.clear()
        self._minted[audience, principal] = (token, expires)
        return token

    def verify(self, token: str | None) -> Principal:
        """The caller behind a token; raises IdentityRefused."""
        now = time.time()
        if token is None:
            raise IdentityRefused("no identity")
        cached = self._verified.get(token)
        if cached and cached[1] > now:
            return cached[0]
        try:
            claims = self._claims(token)
            expires = float(claims["exp"])
            if claims["aud"] != self.name or not now < expires <= now + LIFETIME_SECONDS + _SKEW_SECONDS:
                raise IdentityRefused("meant for another service, expired, or lives too long")
            principal = Principal(
                Kind(claims["typ"]),
                UUID(claims["sub"]) if "sub" in claims else None,
                UUID(claims["sid"]) if "sid" in claims else None,
                frozenset(claims.get("roles", ())),
                claims.get("openid"),
                claims["iss"],
            )
        except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IdentityRefused(repr(error)) from error
        if len(self._verified) >= _CACHE_SIZE:
            self._verified.clear()
        self._verified[token] = (principal, min(expires, now + LIFETIME_SECONDS))
        return principal

    def _claims(self, token: str) -> dict[str, Any]:
        """What a token says that is signed by whom it names; raises InvalidSignature and what malformed values raise."""
        header_text, claims_text, signature = token.split(".")
        header, claims = orjson.loads(_decoded(header_text)), orjson.loads(_decoded(claims_text))
        if header["alg"] != ALGORITHM or not CLAIMS.issuperset(claims):
            raise IdentityRefused("another algorithm, or a claim that nobody makes")
        key = self._public_keys[claims["iss"], header["kid"]]
        key.verify(_decoded(signature), f"{header_text}.{claims_text}".encode())
        found: dict[str, Any] = claims
        return found


def generate_keys(folder: Path, names: list[str]) -> Path:
    """Make an Ed25519 key for each process that has none, and the keyring of all; returns the keyring's path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring: dict[str, dict[str, str]] = {}
    for name in names:
        path = folder / f"{name}.pem"
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            path.touch(mode=0o600)
            path.write_bytes(pem)
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        keyring[name] = {"1": public_key_text(key)}
    keyring_file = folder / "keyring.json"
    keyring_file.write_bytes(orjson.dumps(keyring, option=orjson.OPT_INDENT_2))
    return keyring_file


def public_key_text(key: Ed25519PrivateKey) -> str:
    """The public half as unpadded base64url, as a keyring lists it."""
    return _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Unpadded base64url; raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
