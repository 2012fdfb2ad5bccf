"""What a process of the order service holds beside the common parts: field keys and the mini-program's API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends

from services.order.orders.placing_storage import Attempt, find_attempts
from services.order.orders.sold_out import Shortages
from services.order.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.crypto import FieldKeys
from shared.http.identity import Kind, Principal
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources
from shared.together import Together
from shared.wechat.http import new_client
from shared.wechat.mini import MiniProgram, MiniProgramSettings

OURSELVES = Principal(Kind.SERVICE)
"""On whose behalf timers call the siblings."""
PLACED_AT_ONCE = 8
"""So many orders are being placed at once; the others wait in line, and hold no connection to the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResources(Resources):
    """The common parts, the settings, the keys that seal addresses, the mini-program's API, and what a rush needs.

    ``attempts`` finds what was tried under a key before, ``counter`` lets so many place an order at once, first come first
    served, and ``shortages`` is what was refused a moment ago.
    """

    settings: Settings
    field_keys: FieldKeys
    mini_program: MiniProgram
    attempts: Together[str, Attempt]
    counter: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACED_AT_ONCE))
    shortages: Shortages = field(default_factory=Shortages)


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[OrderResources]:
    """Open what a process of the order service needs."""
    async with (
        common.open_resources("order", settings, clock=clock, exchange=exchange) as opened,
        new_client() as http,
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
            attempts=Together(lambda keys: find_attempts(opened.engine, keys)),
        )


Own = Annotated[OrderResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
