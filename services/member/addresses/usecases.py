"""Keeping an address book (LG-03)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.member.addresses.domain import Contact, open_contact, seal_contact
from services.member.addresses.storage import Addresses
from services.member.members.usecases import lock_member
from shared.crypto import FieldKeys
from shared.database import UnitOfWork
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a member's book."""

    id: UUID
    contact: Contact
    is_default: bool


async def add_address(
    work: UnitOfWork, keys: FieldKeys, member_id: UUID, contact: Contact, *, at: datetime
) -> Address:
    """Add an address; the first one is the default. Raises TooManyAddresses."""
    await lock_member(work, member_id)
    address_id = new_id()
    sealed = seal_contact(keys, address_id, contact)
    is_default = await Addresses(work.connection).add(member_id, address_id, details_sealed=sealed, at=at)
    return Address(address_id, contact, is_default)


async def change_address(
    work: UnitOfWork,
    keys: FieldKeys,
    member_id: UUID,
    address_id: UUID,
    changes: Mapping[str, Any],
    *,
    at: datetime,
) -> Address:
    """Change the named fields of an address. Raises NotFound."""
    await lock_member(work, member_id)
    addresses = Addresses(work.connection)
    stored = await addresses.get(member_id, address_id)
    contact = replace(open_contact(keys, address_id, stored.details_sealed), **changes)
    await addresses.change(address_id, details_sealed=seal_contact(keys, address_id, contact), at=at)
    return Address(address_id, contact, stored.is_default)


async def remove_address(work: UnitOfWork, member_id: UUID, address_id: UUID) -> None:
    """Remove an address. Raises NotFound."""
    await lock_member(work, member_id)
    await Addresses(work.connection).remove(member_id, address_id)


async def make_default_address(
    work: UnitOfWork, keys: FieldKeys, member_id: UUID, address_id: UUID
) -> Address:
    """Make an address the one that checkout starts with. Raises NotFound."""
    await lock_member(work, member_id)
    addresses = Addresses(work.connection)
    stored = await addresses.get(member_id, address_id)
    await addresses.make_default(member_id, address_id)
    return Address(address_id, open_contact(keys, address_id, stored.details_sealed), is_default=True)
