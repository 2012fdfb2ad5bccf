"""Personal data at rest: envelope encryption of fields, and a blind index to find them by (SEC11)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Undecryptable(ValueError):
    """A sealed field was made with an unknown key, for another place, or was changed."""


@dataclass(frozen=True, slots=True)
class FieldKeys:
    """The keys of one service: AES-256 keys by id, the id in use for sealing, and the blind index's own key."""

    keys: Mapping[str, bytes]
    current: str
    index_key: bytes

    @classmethod
    def from_file(cls, path: Path) -> "FieldKeys":
        """Read ``{"current": id, "keys": {id: base64}, "index_key": base64}``."""
        document = orjson.loads(path.read_bytes())
        keys = {key_id: base64.b64decode(key) for key_id, key in document["keys"].items()}
        return cls(keys, document["current"], base64.b64decode(document["index_key"]))

    def seal(self, text: str, *, place: str) -> str:
        """Encrypt a field for one place, ``table|column|row id``: ``v1.key id.nonce.ciphertext``."""
        nonce = os.urandom(12)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), place.encode())
        return f"v1.{self.current}.{_b64(nonce)}.{_b64(sealed)}"

    def open(self, sealed: str, *, place: str) -> str:
        """Decrypt a field sealed for the same place; raises Undecryptable."""
        try:
            version, key_id, nonce, ciphertext = sealed.split(".")
            if version != "v1":
                raise Undecryptable("unknown version")
            return (
                AESGCM(self.keys[key_id]).decrypt(_bytes(nonce), _bytes(ciphertext), place.encode()).decode()
            )
        except (ValueError, KeyError, InvalidTag) as error:
            raise Undecryptable("the field cannot be opened") from error

    def blind_index(self, text: str) -> bytes:
        """A keyed digest of a normalised value, equal for equal values."""
        return hmac.digest(self.index_key, text.encode(), hashlib.sha256)


def generate_field_keys(path: Path) -> None:
    """Write fresh keys to a file that only its owner may read, unless it is there already."""
    if path.exists():
        return
    document = {
        "current": "1",
        "keys": {"1": base64.b64encode(os.urandom(32)).decode()},
        "index_key": base64.b64encode(os.urandom(32)).decode(),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(document))


def mask_phone(phone: str) -> str:
    """A phone as people may see it: 138****8000."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 8 else "****"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
