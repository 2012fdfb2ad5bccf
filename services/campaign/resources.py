"""What a process of the campaign service holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from services.campaign.settings import Settings
from shared import resources
from shared.clock import Clock
from shared.http.services import Exchange
from shared.resources import Resources


async def _own(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


Own = Annotated[Resources, Depends(_own)]


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[Resources]:
    """Open what a process of the campaign service needs."""
    async with resources.open_resources("campaign", settings, clock=clock, exchange=exchange) as opened:
        yield opened
