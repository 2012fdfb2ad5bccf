"""Binding a phone, only after two consents, through a code of WeChat's phone button (LG-02)."""

import logging
from datetime import datetime
from uuid import UUID

from services.member.consents.domain import Purpose
from services.member.consents.usecases import require_consent
from services.member.members.usecases import lock_member
from services.member.phones.domain import PhoneCodeRefused, normalised, place
from services.member.phones.storage import Phones
from services.member.resources import MemberResources
from shared.database import UnitOfWork, begin
from shared.events import PhoneBound
from shared.http.problems import Busy
from shared.wechat.mini import CodeRefused, WeChatError

log = logging.getLogger(__name__)


async def bind_phone(resources: MemberResources, member_id: UUID, code: str, *, at: datetime) -> str:
    """Exchange a phone code at WeChat and keep the number sealed; returns the normalised number.

    The consents are asked for before WeChat is, and again with the write. Raises ConsentMissing, PhoneCodeRefused,
    PhoneTaken, Busy.
    """
    async with begin(resources.engine) as work:
        await require_consent(work, member_id, Purpose.PHONE, at=at)
    phone = await _exchange(resources, code)
    index = resources.field_keys.blind_index(phone)
    async with begin(resources.engine) as work:
        await lock_member(work, member_id)
        await require_consent(work, member_id, Purpose.PHONE, at=at)
        phones = Phones(work.connection)
        if await phones.index_of(member_id) != index:
            sealed = resources.field_keys.seal(phone, place=place(member_id))
            await phones.bind(member_id, sealed=sealed, index=index, at=at)
            await work.outbox.add(PhoneBound(member_id=member_id, bound_at=at), at=at)
    return phone


async def unbind_phone(work: UnitOfWork, member_id: UUID) -> None:
    """Delete a member's phone."""
    await Phones(work.connection).unbind(member_id)


async def _exchange(resources: MemberResources, code: str) -> str:
    try:
        return normalised(await resources.mini_program.phone_number(code))
    except CodeRefused as error:
        raise PhoneCodeRefused() from error
    except WeChatError as error:
        log.warning("phone number not given by WeChat", extra={"error": str(error)})
        raise Busy(headers={"retry-after": "1"}) from error
