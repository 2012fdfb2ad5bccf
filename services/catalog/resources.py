"""What a process of the catalog holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from fastapi import Request

from services.catalog.search.hot import HotWords
from services.catalog.search.log import SearchLog
from services.catalog.settings import Settings
from shared import resources
from shared.clock import Clock
from shared.http.services import Exchange
from shared.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogResources(Resources):
    """The common parts, and the memory of what people search for."""

    search_log: SearchLog
    hot_words: HotWords


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[CatalogResources]:
    """Open what a process of the catalog needs."""
    async with resources.open_resources("catalog", settings, clock=clock, exchange=exchange) as common:
        search_log = SearchLog(common.engine)
        parts = {field.name: getattr(common, field.name) for field in fields(common)}
        try:
            yield CatalogResources(**parts, search_log=search_log, hot_words=HotWords())
        finally:
            await search_log.close()


def catalog_resources(request: Request) -> CatalogResources:
    """What the app was made with."""
    found: CatalogResources = request.app.state.resources
    return found
