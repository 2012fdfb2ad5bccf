"""What a process of the analytics service holds beside the common parts: the app (or the embedded shop) owns the facts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.analytics.facts.engine import FactsEngine
from services.analytics.facts.owner import Facts
from services.analytics.settings import Settings
from shared import resources as common
from shared.clock import Clock
from shared.http.services import Exchange
from shared.http.work import own
from shared.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsResources(Resources):
    """The common parts and the facts, in the one process that owns them."""

    facts: Facts


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[AnalyticsResources]:
    """Open what the owner of the facts needs: the app's process, or the embedded shop's one process."""
    async with common.open_resources("analytics", settings, clock=clock, exchange=exchange) as opened:
        engine = FactsEngine(settings.facts_url.get_secret_value(), cluster=settings.facts_cluster)
        async with Facts(opened.engine, engine, buffer_rows=settings.facts_buffer_rows) as facts:
            yield AnalyticsResources(**opened.common(), facts=facts)


@asynccontextmanager
async def open_worker_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what the worker's own process needs: it only writes to PostgreSQL."""
    async with common.open_resources("analytics", settings) as opened:
        yield opened


Own = Annotated[AnalyticsResources, Depends(own)]
"""What an endpoint takes that asks the facts."""
