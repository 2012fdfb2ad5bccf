"""Who calls is proved on every request: pinned algorithm, right audience, known key, short life (SEC3)."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shared.http.identity import (
    ANONYMOUS,
    Identity,
    IdentityRefused,
    Kind,
    Principal,
    generate_keys,
    public_key_text,
)
from shared.ids import new_id

MEMBER = Principal(Kind.MEMBER, new_id(), new_id(), wechat_openid="o123")
OPERATOR = Principal(Kind.OPERATOR, new_id(), new_id(), frozenset({"finance", "owner"}))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    generate_keys(tmp_path / "keys", ["gateway", "order", "catalog"])
    return tmp_path / "keys"


def identity(name: str, keys: Path) -> Identity:
    return Identity.from_files(name, keys / f"{name}.pem", keys / "keyring.json")


def claims_for(audience: str, **changed: Any) -> dict[str, Any]:
    claims = {
        "iss": "gateway",
        "aud": audience,
        "typ": "member",
        "sub": str(new_id()),
        "exp": int(time.time()) + 60,
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def signed(keys: Path, claims: dict[str, Any], *, key: str = "gateway", kid: str = "1") -> str:
    """A token as PyJWT makes it, with one of the real keys."""
    return jwt.encode(claims, (keys / f"{key}.pem").read_bytes(), algorithm="EdDSA", headers={"kid": kid})


@pytest.mark.parametrize("principal", [MEMBER, OPERATOR, ANONYMOUS, Principal(Kind.SERVICE)])
def test_the_one_called_knows_who_calls_and_who_vouches_for_them(keys: Path, principal: Principal) -> None:
    found = identity("order", keys).verify(identity("gateway", keys).mint("order", principal))
    assert found == Principal(
        principal.kind,
        principal.subject,
        principal.session,
        principal.roles,
        principal.wechat_openid,
        "gateway",
    )


def test_a_token_is_what_pyjwt_makes_and_reads(keys: Path) -> None:
    token = identity("gateway", keys).mint("order", MEMBER)
    ring = orjson.loads((keys / "keyring.json").read_bytes())
    public = jwt.PyJWK.from_dict({"kty": "OKP", "crv": "Ed25519", "x": ring["gateway"]["1"]})
    claims = jwt.decode(token, public, algorithms=["EdDSA"], audience="order", issuer="gateway")
    assert claims["sub"] == str(MEMBER.subject)
    assert 0 < claims["exp"] - time.time() <= 60
    assert "phone" not in claims
    made = signed(keys, claims_for("order", sub=str(MEMBER.subject)))
    assert identity("order", keys).verify(made).member_id == MEMBER.subject


def test_a_token_is_minted_and_verified_once_a_minute(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, order = identity("gateway", keys), identity("order", keys)
    token = gateway.mint("order", MEMBER)
    assert gateway.mint("order", MEMBER) is token
    assert gateway.mint("catalog", MEMBER) != token
    assert gateway.mint("order", OPERATOR) != token
    first = order.verify(token)
    assert order.verify(token) is first
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 45)
    assert gateway.mint("order", MEMBER) != token


def test_a_remembered_token_still_expires(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, order = identity("gateway", keys), identity("order", keys)
    token = gateway.mint("order", MEMBER)
    order.verify(token)
    _, remembered_until = order._verified[token]
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert remembered_until == expires
    monkeypatch.setattr(time, "time", lambda: expires + 0.1)
    with pytest.raises(IdentityRefused):
        order.verify(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "catalog"},
        {"aud": None},
        {"iss": "order"},
        {"iss": "nobody"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 2**70},
        {"typ": "admin"},
        {"typ": None},
        {"sub": "1"},
        {"sid": "x"},
        {"roles": 5},
        {"nbf": 2**33},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(keys: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(IdentityRefused):
        identity("order", keys).verify(signed(keys, claims_for("order", **changed)))


def test_a_token_that_lives_too_long_is_refused(keys: Path) -> None:
    with pytest.raises(IdentityRefused):
        identity("order", keys).verify(signed(keys, claims_for("order", exp=int(time.time()) + 3_600)))


def test_one_service_cannot_speak_for_another(keys: Path) -> None:
    """The catalog's key signs; the claims say it was the gateway."""
    for kid in ("1", "2", ""):
        with pytest.raises(IdentityRefused):
            identity("order", keys).verify(signed(keys, claims_for("order"), key="catalog", kid=kid))


def test_a_foreign_key_is_refused(keys: Path, tmp_path: Path) -> None:
    generate_keys(tmp_path / "foreign", ["gateway"])
    with pytest.raises(IdentityRefused):
        identity("order", keys).verify(signed(tmp_path / "foreign", claims_for("order")))


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_a_token_without_a_signature_is_refused(keys: Path) -> None:
    for algorithm in ("none", "None", "NONE"):
        body = f"{encoded({'alg': algorithm, 'kid': '1'})}.{encoded(claims_for('order'))}"
        for token in (f"{body}.", body, f"{body}.AAAA"):
            with pytest.raises(IdentityRefused):
                identity("order", keys).verify(token)


def test_the_public_key_is_no_shared_secret(keys: Path) -> None:
    """HS256 with the public key, in every form an attacker could have it."""
    private = jwt.algorithms.OKPAlgorithm().prepare_key((keys / "gateway.pem").read_bytes())
    assert isinstance(private, Ed25519PrivateKey)
    public = private.public_key()
    secrets = [
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public_key_text(private).encode(),
    ]
    for secret in secrets:
        body = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': '1'})}.{encoded(claims_for('order'))}"
        signature = (
            base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), hashlib.sha256)).decode().rstrip("=")
        )
        with pytest.raises(IdentityRefused):
            identity("order", keys).verify(f"{body}.{signature}")


@pytest.mark.parametrize(
    "token", [None, "", "x", "a.b.c", "é.é.é", "." * 5, "a" * 100_000, '{"alg":"EdDSA"}', "\x00"]
)
def test_nonsense_is_refused(keys: Path, token: str | None) -> None:
    with pytest.raises(IdentityRefused):
        identity("order", keys).verify(token)


def test_every_changed_byte_is_noticed(keys: Path) -> None:
    order, token = identity("order", keys), identity("gateway", keys).mint("order", MEMBER)
    for index in range(0, len(token) - 1, 3):
        changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(IdentityRefused):
            order.verify(changed)


def test_two_keys_of_one_process_are_valid_while_they_rotate(keys: Path) -> None:
    old_gateway = identity("gateway", keys)
    fresh = Ed25519PrivateKey.generate()
    (keys / "new.pem").write_bytes(fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    ring = orjson.loads((keys / "keyring.json").read_bytes())
    ring["gateway"]["2"] = public_key_text(fresh)
    (keys / "keyring.json").write_bytes(orjson.dumps(ring))
    new_gateway = Identity.from_files("gateway", keys / "new.pem", keys / "keyring.json")
    order = identity("order", keys)
    for gateway in (old_gateway, new_gateway):
        assert order.verify(gateway.mint("order", MEMBER)).subject == MEMBER.subject
    assert jwt.get_unverified_header(new_gateway.mint("order", MEMBER))["kid"] == "2"

    del ring["gateway"]["1"]
    (keys / "keyring.json").write_bytes(orjson.dumps(ring))
    order = identity("order", keys)
    assert order.verify(new_gateway.mint("order", MEMBER)).subject == MEMBER.subject
    with pytest.raises(IdentityRefused):
        order.verify(old_gateway.mint("order", MEMBER))


def test_a_key_that_the_keyring_does_not_list_stops_the_start(keys: Path) -> None:
    with pytest.raises(ValueError, match="does not list the key of gateway"):
        Identity.from_files("gateway", keys / "order.pem", keys / "keyring.json")


def test_keys_are_made_once_and_for_their_owner_only(keys: Path) -> None:
    before = (keys / "gateway.pem").read_bytes()
    generate_keys(keys, ["gateway", "order", "catalog"])
    assert (keys / "gateway.pem").read_bytes() == before
    assert (keys / "gateway.pem").stat().st_mode & 0o777 == 0o600


def test_only_a_member_has_a_member_id() -> None:
    assert MEMBER.member_id == MEMBER.subject
    for other in (OPERATOR, ANONYMOUS, Principal(Kind.MEMBER)):
        with pytest.raises(LookupError):
            _ = other.member_id
    assert isinstance(MEMBER.member_id, UUID)
