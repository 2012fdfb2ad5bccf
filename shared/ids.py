"""Identifiers: UUIDv7, so that rows of one time lie together."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh, time-ordered, unguessable id."""
    return uuid7()


def first_id(at: datetime) -> UUID:
    """The id below which all ids of earlier milliseconds are."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def instant_of(id: UUID) -> datetime:
    """When an id was made, to the millisecond; for a derived one: its cause."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def derived_id(cause: UUID, name: str) -> UUID:
    """The id that follows from another one and a name: the same each time, and of the same instant (UUIDv8)."""
    digest = sha256(cause.bytes + name.encode()).digest()
    return UUID(
        bytes=cause.bytes[:6]
        + bytes([0x80 | digest[6] & 0x0F, digest[7], 0x80 | digest[8] & 0x3F])
        + digest[9:16]
    )
