"""What a process of the order service holds beside the common parts: field keys and the mini-program's API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncEngine

from services.order.freight.storage import freight_rule
from services.order.orders.placing_storage import Attempt, find_attempts
from services.order.orders.sold_out import Shortages
from services.order.orders.status_watch import StatusWatch
from services.order.pricing import FreightRule
from services.order.rules.storage import OrderRules, order_rules
from services.order.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.connection import Connection
from shared.crypto import FieldKeys
from shared.database import reading
from shared.http.identity import Kind, Principal
from shared.http.services import Exchange
from shared.http.work import own
from shared.remembered import Remembered
from shared.resources import Resources
from shared.together import Together
from shared.wechat.mini import MiniProgram, open_mini_program

V = TypeVar("V")

OURSELVES = Principal(Kind.SERVICE)
"""On whose behalf timers call the siblings."""
PLACED_AT_ONCE = 8
"""So many orders are being placed at once; the others wait in line, and hold no connection to the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResources(Resources):
    """The common parts, the settings, the keys that seal addresses, the mini-program's API, and what a rush needs.

    ``attempts`` finds what was tried under a key before, ``counter`` lets so many place an order at once, first come first
    served, and ``shortages`` is what was refused a moment ago; ``watch`` tells who waits that an order was paid.
    ``freight_rule`` and ``order_rules`` are the shop's, as of a second ago at most.
    """

    settings: Settings
    field_keys: FieldKeys
    mini_program: MiniProgram
    attempts: Together[str, Attempt]
    watch: StatusWatch
    freight_rule: Remembered[FreightRule]
    order_rules: Remembered[OrderRules]
    counter: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACED_AT_ONCE))
    shortages: Shortages = field(default_factory=Shortages)


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[OrderResources]:
    """Open what a process of the order service needs."""
    async with (
        common.open_resources("order", settings, clock=clock, exchange=exchange) as opened,
        open_mini_program(settings, clock=opened.clock.now) as mini_program,
    ):
        yield OrderResources(
            **opened.common(),
            settings=settings,
            field_keys=FieldKeys.from_file(settings.field_keys_file),
            mini_program=mini_program,
            attempts=Together(lambda keys: find_attempts(opened.engine, keys)),
            watch=StatusWatch(opened.engine),
            freight_rule=Remembered(partial(_read, opened.engine, freight_rule)),
            order_rules=Remembered(partial(_read, opened.engine, order_rules)),
        )


Own = Annotated[OrderResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""


async def _read(engine: AsyncEngine, find: Callable[[Connection], Awaitable[V]]) -> V:
    async with reading(engine) as connection:
        return await find(connection)
