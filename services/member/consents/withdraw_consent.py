"""Withdrawing consent is as easy as giving it, and takes along what rested on it (SEC12)."""

from datetime import datetime
from uuid import UUID

from services.member.consents.domain import REQUIRES, Purpose
from services.member.consents.storage import Consents
from services.member.members.usecases import lock_member
from services.member.phones.usecases import unbind_phone
from shared.database import UnitOfWork


async def withdraw_consent(work: UnitOfWork, member_id: UUID, purpose: Purpose, *, at: datetime) -> None:
    """Log the withdrawal, and that of the consents built on it; without consent the bound phone is deleted."""
    await lock_member(work, member_id)
    consents = Consents(work.connection)
    for consent in await consents.live(member_id):
        if consent.purpose is purpose or purpose in REQUIRES[consent.purpose]:
            await consents.withdraw(member_id, consent.purpose, version=consent.version, at=at)
            if consent.purpose is Purpose.PHONE:
                await unbind_phone(work, member_id)
