"""Members as they see themselves, as operators see them, and as checkout needs them."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BeforeValidator, Field

from services.member.addresses.domain import open_contact
from services.member.addresses.views import ContactView
from services.member.consents.usecases import live_consents
from services.member.consents.views import ConsentView
from services.member.levels.domain import Level, level_of
from services.member.levels.storage import to_level
from services.member.levels.usecases import shop_levels
from services.member.members.queries import newest_first, openid_of, overview, standing
from services.member.members.usecases import change_profile
from services.member.phones.domain import open_masked
from services.member.resources import Own
from shared.clock import shop_day
from shared.connection import Connection, Row
from shared.crypto import FieldKeys
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.callers import CalledBy, FromOrder, Member, PeopleReader
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.work import Now, Work

router = service_router(tags=["members"])


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> object:
    """A date is written YYYY-MM-DD; instants and numbers of seconds are none."""
    if value is not None and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("must be a date such as 1990-05-01")
    return value


class ProfileChange(Body):
    """The fields to change; null takes one away."""

    nickname: Annotated[Text | None, Field(max_length=32)] = None
    birthday_on: Annotated[date | None, Field(strict=False), BeforeValidator(_day)] = None


class LevelName(View):
    """A level in short."""

    code: str
    name: str


class MeView(View):
    """A member's own profile; the phone is masked."""

    member_id: UUID
    nickname: str | None
    birthday_on: date | None
    phone: str | None
    level: LevelName
    growth: int
    spendable_points: int
    consents: list[ConsentView]
    registered_at: datetime


class MemberView(View):
    """A member as operators see them; the phone is masked."""

    member_id: UUID
    nickname: str | None
    phone: str | None
    level: LevelName
    growth: int
    spendable_points: int
    held_points: int
    owed_points: int
    registered_at: datetime


class StandingLevel(LevelName):
    """`discount_bp` is what is still paid: 9500 pays 95 %."""

    discount_bp: int


class StandingView(View):
    """What checkout needs of a member (MB-02, MB-04, LG-03)."""

    member_id: UUID
    level: StandingLevel
    spendable_points: int
    points_per_yuan: int
    points_max_ratio_bp: int
    default_address: ContactView | None


class ContactOfMember(View):
    """Where a member is reached in WeChat."""

    wechat_openid: str


@router.get("/me")
async def me(caller: Member, resources: Own) -> MeView:
    """The caller's profile."""
    async with reading(resources.engine) as connection:
        return await _me(connection, resources.field_keys, caller.member_id)


@router.patch("/me")
async def change_me(body: ProfileChange, caller: Member, resources: Own, work: Work, now: Now) -> MeView:
    """Change the caller's profile."""
    await change_profile(work, caller.member_id, body.model_dump(exclude_unset=True), today=shop_day(now))
    return await _me(work.connection, resources.field_keys, caller.member_id)


@router.get("/operator/members")
async def list_members(
    caller: PeopleReader, resources: Own, limit: Limit = 20, after: After = None
) -> Page[MemberView]:
    """Members, the newest first."""
    async with reading(resources.engine) as connection:
        rows = await newest_first(connection, before=before_id(after), limit=limit + 1)
        levels = await shop_levels(connection)
    items = [_member_view(row, levels, resources.field_keys) for row in rows]
    return page_of(items, limit, place=lambda each: each.member_id)


@router.get("/operator/members/{member_id}")
async def show_member(member_id: UUID, caller: PeopleReader, resources: Own) -> MemberView:
    """One member."""
    async with reading(resources.engine) as connection:
        row = await overview(connection, member_id)
        return _member_view(row, await shop_levels(connection), resources.field_keys)


@router.get("/internal/members/{member_id}/standing")
async def member_standing(member_id: UUID, caller: FromOrder, resources: Own) -> StandingView:
    """Level, points and default address, for a checkout."""
    async with reading(resources.engine) as connection:
        row = await standing(connection, member_id)
    level = level_of([to_level(each) for each in row.levels], row.growth)
    address = None
    if row.address_id is not None:
        address = ContactView.of(
            row.address_id, open_contact(resources.field_keys, row.address_id, row.details_sealed)
        )
    return StandingView(
        member_id=member_id,
        level=StandingLevel(code=level.code, name=level.name, discount_bp=level.discount_bp),
        spendable_points=row.spendable,
        points_per_yuan=row.points_per_yuan,
        points_max_ratio_bp=row.points_max_ratio_bp,
        default_address=address,
    )


@router.get(
    "/internal/members/{member_id}/contact",
    dependencies=[Depends(CalledBy("order", "payment", "campaign"))],
)
async def member_contact(member_id: UUID, resources: Own) -> ContactOfMember:
    """The openid to which WeChat sends messages."""
    async with reading(resources.engine) as connection:
        return ContactOfMember(wechat_openid=await openid_of(connection, member_id, appid=resources.appid))


async def _me(connection: Connection, keys: FieldKeys, member_id: UUID) -> MeView:
    row = await overview(connection, member_id)
    level = level_of(await shop_levels(connection), row.growth)
    return MeView(
        member_id=row.id,
        nickname=row.nickname,
        birthday_on=row.birthday_on,
        phone=open_masked(keys, row.id, row.phone_sealed),
        level=LevelName(code=level.code, name=level.name),
        growth=row.growth,
        spendable_points=row.spendable,
        consents=[ConsentView.of(consent) for consent in await live_consents(connection, member_id)],
        registered_at=row.registered_at,
    )


def _member_view(row: Row, levels: Sequence[Level], keys: FieldKeys) -> MemberView:
    level = level_of(levels, row.growth)
    return MemberView(
        member_id=row.id,
        nickname=row.nickname,
        phone=open_masked(keys, row.id, row.phone_sealed),
        level=LevelName(code=level.code, name=level.name),
        growth=row.growth,
        spendable_points=row.spendable,
        held_points=row.held,
        owed_points=row.owed,
        registered_at=row.registered_at,
    )
