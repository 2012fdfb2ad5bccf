"""An address as one sealed document (LG-03, SEC11)."""

from dataclasses import asdict, dataclass
from uuid import UUID

import orjson

from shared.crypto import FieldKeys
from shared.http.problems import Problem

MOST_ADDRESSES = 20


class TooManyAddresses(Problem):
    """The address book is full."""

    slug, title, status = "member/too-many-addresses", f"At most {MOST_ADDRESSES} addresses", 409


@dataclass(frozen=True, slots=True)
class Contact:
    """Who receives a parcel, and where."""

    recipient: str
    phone: str
    province: str
    city: str
    district: str
    street: str
    postal_code: str | None


def seal_contact(keys: FieldKeys, address_id: UUID, contact: Contact) -> str:
    """Encrypt the whole contact for its row."""
    return keys.seal(orjson.dumps(asdict(contact)).decode(), place=_place(address_id))


def open_contact(keys: FieldKeys, address_id: UUID, sealed: str) -> Contact:
    """Decrypt a row's contact."""
    return Contact(**orjson.loads(keys.open(sealed, place=_place(address_id))))


def _place(address_id: UUID) -> str:
    return f"addresses|details_sealed|{address_id}"
