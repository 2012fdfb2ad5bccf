"""The member's phone (LG-02)."""

from services.member.logins.domain import Code
from services.member.phones.domain import masked
from services.member.phones.usecases import bind_phone
from services.member.resources import Own
from shared.http.app import service_router
from shared.http.bodies import Body, View
from shared.http.callers import Member
from shared.http.work import Now

router = service_router(tags=["phones"])


class PhoneBinding(Body):
    """The code that the phone button gave; it is not the login code."""

    code: Code


class PhoneView(View):
    """The bound phone, masked."""

    phone: str


@router.post("/me/phone")
async def bind(body: PhoneBinding, caller: Member, resources: Own, now: Now) -> PhoneView:
    """Bind the caller's phone."""
    return PhoneView(phone=masked(await bind_phone(resources, caller.member_id, body.code, at=now)))
