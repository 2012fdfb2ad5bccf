"""What a process of the order service holds beside the common parts: field keys and the mini-program's API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Depends

from services.order.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.crypto import FieldKeys
from shared.http.identity import Kind, Principal
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources
from shared.wechat.mini import MiniProgram, MiniProgramSettings

OURSELVES = Principal(Kind.SERVICE)
"""On whose behalf timers call the siblings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResources(Resources):
    """The common parts, the settings, the keys that seal addresses, and the mini-program's API."""

    settings: Settings
    field_keys: FieldKeys
    mini_program: MiniProgram


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[OrderResources]:
    """Open what a process of the order service needs."""
    async with (
        common.open_resources("order", settings, clock=clock, exchange=exchange) as opened,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        account = MiniProgramSettings(
            appid=settings.wechat_appid,
            app_secret=settings.wechat_app_secret.get_secret_value(),
            base_url=settings.wechat_api_url,
        )
        yield OrderResources(
            **opened.common(),
            settings=settings,
            field_keys=FieldKeys.from_file(settings.field_keys_file),
            mini_program=MiniProgram(account, http, clock=opened.clock.now),
        )


Own = Annotated[OrderResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
