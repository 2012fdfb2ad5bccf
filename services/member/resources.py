"""What a process of the member service holds beside the common parts: field keys and the mini-program's API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.member.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.crypto import FieldKeys
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources
from shared.wechat.mini import MiniProgram, open_mini_program


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResources(Resources):
    """The common parts, the keys of sealed fields, and one mini-program."""

    field_keys: FieldKeys
    appid: str
    mini_program: MiniProgram


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[MemberResources]:
    """Open what a process of the member service needs."""
    async with (
        common.open_resources("member", settings, clock=clock, exchange=exchange) as opened,
        open_mini_program(settings, clock=opened.clock.now) as mini_program,
    ):
        yield MemberResources(
            **opened.common(),
            field_keys=FieldKeys.from_file(settings.field_keys_file),
            appid=settings.wechat_appid,
            mini_program=mini_program,
        )


Own = Annotated[MemberResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
