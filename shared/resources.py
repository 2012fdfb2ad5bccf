"""What a process of a service holds: its database, its clock, its way to the others."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock, SystemClock
from shared.database import create_engine
from shared.http.identity import Identity
from shared.http.services import Exchange, RemoteExchange, Services
from shared.pruning import Kept
from shared.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The parts that every service needs; a service with more needs extends this class."""

    name: str
    engine: AsyncEngine
    clock: Clock
    identity: Identity
    services: Services
    kept: Kept = field(default_factory=Kept)

    def common(self) -> dict[str, Any]:
        """The parts that every service needs, to make a class with more of."""
        return {each.name: getattr(self, each.name) for each in fields(Resources)}

    async def prepare(self) -> None:
        """Do what only the first start finds to do in the database, once it answers; may be done again."""


@asynccontextmanager
async def open_resources(
    name: str, settings: ServiceSettings, *, clock: Clock | None = None, exchange: Exchange | None = None
) -> AsyncIterator[Resources]:
    """Open what a process of ``name`` needs; given an exchange, siblings are called through it."""
    identity = Identity.from_files(name, settings.identity_key_file, settings.identity_keyring_file)
    engine = create_engine(
        settings.database_url.get_secret_value(),
        application_name=f"jishi-{name}-{socket.gethostname()}-{os.getpid()}"[:63],
        pool_size=settings.database_pool_size,
    )
    remote = None
    if exchange is None:
        exchange = remote = RemoteExchange(settings.service_urls)
    try:
        yield Resources(
            name=name,
            engine=engine,
            clock=clock or SystemClock(),
            identity=identity,
            services=Services(identity, exchange),
            kept=Kept(
                events=timedelta(days=settings.events_kept_days),
                answers=timedelta(days=settings.answers_kept_days),
            ),
        )
    finally:
        if remote is not None:
            remote.close()
        async with asyncio.timeout(10):
            await engine.dispose()
