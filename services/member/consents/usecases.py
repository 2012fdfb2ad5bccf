"""Giving consent, and asking whether it was given (LG-02, CP-07, CP-08)."""

from datetime import datetime
from uuid import UUID

from services.member.consents.domain import (
    REQUIRES,
    Agreement,
    AgreementOutdated,
    Consent,
    ConsentMissing,
    Purpose,
)
from services.member.consents.storage import Consents
from services.member.members.usecases import lock_member
from shared.connection import Connection
from shared.database import UnitOfWork


async def live_consents(connection: Connection, member_id: UUID) -> list[Consent]:
    """What a member agrees to, in the versions they agreed to."""
    return await Consents(connection).live(member_id)


async def give_consent(
    work: UnitOfWork, member_id: UUID, purpose: Purpose, *, version: str, at: datetime
) -> Consent:
    """Log a member's consent to the version in force; given again it changes nothing.

    Raises AgreementOutdated for another version, ConsentMissing when it builds on one that was not given.
    """
    consents = Consents(work.connection)
    await lock_member(work, member_id)
    agreement = await consents.agreement(at=at)
    if version != agreement.version:
        raise AgreementOutdated(version=agreement.version)
    live = await consents.live(member_id)
    _require(live, REQUIRES[purpose], agreement)
    for consent in live:
        if consent.purpose is purpose and consent.version == version:
            return consent
    await consents.give(member_id, purpose, version=version, at=at)
    return Consent(purpose, version, at)


async def require_consent(work: UnitOfWork, member_id: UUID, purpose: Purpose, *, at: datetime) -> None:
    """Raise ConsentMissing unless the member agrees to this purpose, and to all it builds on, as worded now."""
    consents = Consents(work.connection)
    agreement = await consents.agreement(at=at)
    _require(await consents.live(member_id), (*REQUIRES[purpose], purpose), agreement)


def _require(live: list[Consent], purposes: tuple[Purpose, ...], agreement: Agreement) -> None:
    given = {consent.purpose for consent in live if consent.version == agreement.version}
    for purpose in purposes:
        if purpose not in given:
            raise ConsentMissing(
                f"Consent for `{purpose}` is needed first.", purpose=purpose, version=agreement.version
            )
