"""Members come, and change their profile."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.member.members.queries import overview
from services.member.members.storage import Members
from shared.database import UnitOfWork
from shared.http.problems import Invalid

EARLIEST_BIRTHDAY = date(1900, 1, 1)


async def add_member(work: UnitOfWork, member_id: UUID, *, scene: str | None, at: datetime) -> None:
    """A new member, without anything yet."""
    await Members(work.connection).add(member_id, scene=scene, at=at)


async def lock_member(work: UnitOfWork, member_id: UUID) -> None:
    """Keep others from changing what this member has until the transaction ends. Raises NotFound."""
    await Members(work.connection).lock(member_id)


async def change_profile(
    work: UnitOfWork, member_id: UUID, changes: Mapping[str, Any], *, today: date
) -> None:
    """Write the named fields of a profile. Raises Invalid for a birthday that cannot be."""
    members = Members(work.connection)
    await members.lock(member_id)
    before = await overview(work.connection, member_id)
    profile = {"nickname": before.nickname, "birthday_on": before.birthday_on, **changes}
    birthday_on: date | None = profile["birthday_on"]
    if birthday_on is not None and not EARLIEST_BIRTHDAY <= birthday_on <= today:
        raise Invalid("A birthday lies between 1900 and today.")
    await members.change(member_id, nickname=profile["nickname"], birthday_on=birthday_on)
