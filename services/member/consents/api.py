"""The privacy agreement and a member's consents (CP-07)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.member.consents.domain import Purpose
from services.member.consents.storage import Consents
from services.member.consents.usecases import give_consent
from services.member.consents.views import ConsentView
from services.member.consents.withdraw_consent import withdraw_consent
from services.member.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.callers import Member
from shared.http.work import Now, Work

router = service_router(tags=["consents"])


class AgreementView(View):
    """The privacy agreement in force."""

    version: str
    title: str
    body: str
    effective_at: datetime


class ConsentGiven(Body):
    """What the member agrees to, and the version they read."""

    purpose: Annotated[Purpose, Field(strict=False)]
    version: Text


@router.get("/privacy-agreement")
async def privacy_agreement(resources: Own, now: Now) -> AgreementView:
    """The privacy agreement in force; anybody may read it."""
    async with reading(resources.engine) as connection:
        agreement = await Consents(connection).agreement(at=now)
    return AgreementView(
        version=agreement.version,
        title=agreement.title,
        body=agreement.body,
        effective_at=agreement.effective_at,
    )


@router.post("/me/consents", status_code=201)
async def give(body: ConsentGiven, caller: Member, work: Work, now: Now) -> ConsentView:
    """Agree to one purpose."""
    return ConsentView.of(
        await give_consent(work, caller.member_id, body.purpose, version=body.version, at=now)
    )


@router.delete("/me/consents/{purpose}", status_code=204)
async def withdraw(purpose: Purpose, caller: Member, work: Work, now: Now) -> None:
    """Withdraw the consent for one purpose."""
    await withdraw_consent(work, caller.member_id, purpose, at=now)
