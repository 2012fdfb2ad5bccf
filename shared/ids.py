"""Identifiers: UUIDv7, so that rows of one time lie together."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh, time-ordered, unguessable id."""
    return uuid7()
