"""What a process of the member service holds beside the usual: field keys and the mini-program API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Depends, Request

from services.member.settings import Settings
from shared.clock import Clock
from shared.crypto import FieldKeys
from shared.http.services import Exchange
from shared.resources import Resources, open_resources as open_shared_resources
from shared.wechat.mini import MiniProgram, MiniProgramSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResources(Resources):
    """The shared parts, the keys of sealed fields, and one mini-program."""

    field_keys: FieldKeys
    appid: str
    mini_program: MiniProgram


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[MemberResources]:
    """Open what a process of the member service needs."""
    async with (
        open_shared_resources("member", settings, clock=clock, exchange=exchange) as shared,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        account = MiniProgramSettings(
            appid=settings.wechat_appid,
            app_secret=settings.wechat_app_secret.get_secret_value(),
            base_url=settings.wechat_api_url,
        )
        yield MemberResources(
            name=shared.name,
            engine=shared.engine,
            clock=shared.clock,
            identity=shared.identity,
            services=shared.services,
            field_keys=FieldKeys.from_file(settings.field_keys_file),
            appid=settings.wechat_appid,
            mini_program=MiniProgram(account, http, clock=shared.clock.now),
        )


async def _resources(request: Request) -> MemberResources:
    found: MemberResources = request.app.state.resources
    return found


async def _field_keys(request: Request) -> FieldKeys:
    return (await _resources(request)).field_keys


Own = Annotated[MemberResources, Depends(_resources)]
Keys = Annotated[FieldKeys, Depends(_field_keys)]
