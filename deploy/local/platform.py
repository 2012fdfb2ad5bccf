"""The whole platform in one process: gateway, services and workers over the in-process transport."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy import text
from starlette.types import ASGIApp

from deploy.layout import GATEWAY, PACKAGES
from shared.clock import Clock, SystemClock
from shared.database import reading
from shared.http.services import LocalExchange
from shared.messaging.transport import Transport
from shared.messaging.transports.local import LocalTransport
from shared.resources import Resources
from shared.worker import Worker

SETTLE_SECONDS = 30.0

_UNFINISHED = text(
    "SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL)"
    " + (SELECT count(*) FROM stalled_events WHERE state <> 'parked')"
    " + (SELECT count(*) FROM timers WHERE due_at <= :now)"
)


class NotSettled(TimeoutError):
    """Something announced has not been reacted to in time; the message says where."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform; ``apps`` are the gateway, the door for clients, and the services behind it."""

    apps: Mapping[str, ASGIApp]
    resources: Mapping[str, Resources]
    workers: Mapping[str, Worker]
    clock: Clock

    async def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until every event has been reacted to and every due timer has run; raises NotSettled."""
        unfinished: dict[str, int] = {}
        try:
            async with asyncio.timeout(seconds):
                while unfinished := await self._unfinished():
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise NotSettled(f"still unfinished after {seconds} s: {unfinished}") from error

    async def _unfinished(self) -> dict[str, int]:
        async def count(name: str) -> tuple[str, int]:
            async with reading(self.resources[name].engine) as connection:
                return name, (await connection.execute(_UNFINISHED, {"now": self.clock.now()})).scalar_one()

        counts = await asyncio.gather(*(count(name) for name in self.workers))
        return {name: number for name, number in counts if number}


@asynccontextmanager
async def open_platform(
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    names: Iterable[str] = tuple(PACKAGES),
    working: bool = True,
) -> AsyncIterator[Platform]:
    """Open the gateway and the services (or those named) that this process's environment configures.

    Without ``working`` the workers are made but do not run.
    """
    clock = clock or SystemClock()
    transport = transport or LocalTransport()
    apps: dict[str, ASGIApp] = {}
    opened: dict[str, Resources] = {}
    workers: dict[str, Worker] = {}
    async with AsyncExitStack() as stack:
        exchange = LocalExchange(apps)
        for name in names:
            settings = _module(name, "settings").Settings.from_environment()
            opened[name] = await stack.enter_async_context(
                _module(name, "resources").open_resources(settings, clock=clock, exchange=exchange)
            )
            await opened[name].prepare()
            apps[name] = _module(name, "app").create_app(opened[name])
            if name != GATEWAY:
                workers[name] = _module(name, "worker").create_worker(opened[name], transport)
        for worker in workers.values():
            await worker.bind()
        running = [asyncio.create_task(worker.run()) for worker in workers.values()] if working else []
        try:
            yield Platform(apps, opened, workers, clock)
        finally:
            for task in running:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*running, return_exceptions=True)
            await transport.close()


def _module(name: str, part: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGES[name]}.{part}")
