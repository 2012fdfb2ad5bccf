"""What a process of the campaign service holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends

from services.campaign.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[Resources]:
    """Open what a process of the campaign service needs."""
    async with common.open_resources("campaign", settings, clock=clock, exchange=exchange) as opened:
        yield opened


Own = Annotated[Resources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
