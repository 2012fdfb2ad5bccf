"""What a process of the catalog holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.catalog.settings import Settings
from shared import resources
from shared.clock import Clock
from shared.http.services import Exchange
from shared.resources import Resources


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[Resources]:
    """Open what a process of the catalog needs."""
    async with resources.open_resources("catalog", settings, clock=clock, exchange=exchange) as opened:
        yield opened
