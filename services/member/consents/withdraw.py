"""Withdrawing consent is as easy as giving it, and takes along what rested on it (SEC12)."""

from datetime import datetime
from uuid import UUID

from services.member.consents.domain import REQUIRES, Purpose
from services.member.consents.storage import Consents
from services.member.members.storage import Members
from services.member.phones.storage import Phones
from shared.database import UnitOfWork


async def withdraw_consent(work: UnitOfWork, member_id: UUID, purpose: Purpose, *, at: datetime) -> None:
    """Log the withdrawal, and that of the consents built on it; without consent the bound phone is deleted."""
    await Members(work.connection).lock(member_id)
    consents = Consents(work.connection)
    for consent in await consents.live(member_id):
        if consent.purpose is purpose or purpose in REQUIRES[consent.purpose]:
            await consents.withdraw(member_id, consent.purpose, version=consent.version, at=at)
            if consent.purpose is Purpose.PHONE:
                await Phones(work.connection).unbind(member_id)
