"""What a process of the catalog service holds beside the common parts: the memory of searches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends

from services.catalog.fresh import Fresh
from services.catalog.search.found import FoundPage
from services.catalog.search.hot import HotWords
from services.catalog.search.log import SearchLog
from services.catalog.settings import Settings
from services.catalog.stock.hot import HotStock
from shared import resources as common
from shared.clock import Clock
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogResources(Resources):
    """The common parts, the memory of what people search for, what they found just now, and who waits for a SKU."""

    search_log: SearchLog
    searches_kept: timedelta
    found_pages: Fresh[FoundPage]
    hot_words: HotWords
    hot_stock: HotStock


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[CatalogResources]:
    """Open what a process of the catalog service needs."""
    async with common.open_resources("catalog", settings, clock=clock, exchange=exchange) as opened:
        search_log = SearchLog(opened.engine)
        try:
            yield CatalogResources(
                **opened.common(),
                search_log=search_log,
                searches_kept=timedelta(days=settings.searches_kept_days),
                found_pages=Fresh(),
                hot_words=HotWords(),
                hot_stock=HotStock(opened.engine),
            )
        finally:
            await search_log.close()


Own = Annotated[CatalogResources, Depends(own)]
"""What an endpoint takes that calls siblings, reads, or opens its own transactions."""
