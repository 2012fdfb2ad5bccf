"""What the gateway holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.kept_answers import KeptAnswers
from gateway.limits.buckets import Buckets
from gateway.limits.callers import CallerLimits
from gateway.limits.load import Load
from gateway.limits.storage import sweep_rate_limits
from gateway.operators.storage import make_owner
from gateway.sessions.authentication import Authentication
from gateway.sessions.sweeping import sweep_sessions
from gateway.settings import Settings
from gateway.upstreams import LocalUpstreams, RemoteUpstreams, Upstreams
from shared.clock import Clock
from shared.http.breaker import Breaker
from shared.http.services import Exchange, LocalExchange
from shared.resources import Resources, open_resources as open_kernel
from shared.worker import kept_running


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResources(Resources):
    """The kernel's resources, the sessions in use, the limits, and the way to the services."""

    settings: Settings
    authentication: Authentication
    upstreams: Upstreams
    breaker: Breaker
    kept_answers: KeptAnswers
    caller_limits: CallerLimits
    load: Load

    async def prepare(self) -> None:
        """Make the owner's account where there is no account yet."""
        if (password := self.settings.owner_password) is not None:
            await make_owner(self, self.settings.owner_username, password.get_secret_value())


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[GatewayResources]:
    """Open the gateway's database and its way to the services: direct when ``exchange`` is local."""
    async with open_kernel("gateway", settings, clock=clock, exchange=exchange) as kernel:
        upstreams: Upstreams = (
            LocalUpstreams(exchange.apps)
            if isinstance(exchange, LocalExchange)
            else RemoteUpstreams(settings.service_urls)
        )
        idle = settings.session_idle
        sweeping = [
            asyncio.create_task(kept_running("sessions", lambda: sweep_sessions(kernel, idle=idle))),
            asyncio.create_task(kept_running("rate limits", lambda: sweep_rate_limits(kernel.engine))),
        ]
        try:
            yield GatewayResources(
                name=kernel.name,
                engine=kernel.engine,
                clock=kernel.clock,
                identity=kernel.identity,
                services=kernel.services,
                settings=settings,
                authentication=Authentication(kernel, settings),
                upstreams=upstreams,
                breaker=Breaker(),
                kept_answers=KeptAnswers(),
                caller_limits=CallerLimits(settings, kernel.engine, Buckets()),
                load=Load(settings),
            )
        finally:
            for task in sweeping:
                task.cancel()
            await asyncio.gather(*sweeping, return_exceptions=True)
            upstreams.close()
