"""Running one process of a service: settings from the environment, logs, traces, a server or a worker, a clean end."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from starlette.types import ASGIApp

from shared.http.app import FASTAPI_TELEMETRY, add_routes, health_router
from shared.http.problems import install_problem_handlers
from shared.http.protocol import GuardedProtocol
from shared.http.readiness import Readiness
from shared.logging import configure_logging
from shared.messaging.relay import WIDE_NET_SECONDS, Relay
from shared.messaging.transport import Transport
from shared.messaging.transports import open_transport
from shared.resources import Resources
from shared.settings import ServiceSettings
from shared.starting import UnusableDatabase, prepare
from shared.telemetry import configure_telemetry
from shared.waiting import is_set
from shared.worker import Worker, kept_running

try:
    import resource

    import uvloop
except ImportError:  # Windows
    resource = uvloop = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)
R = TypeVar("R", bound=Resources)

IDLE_SECONDS = 15
STOP_SECONDS = 20
METRICS_SECONDS = 15
TICK_SECONDS = 1.0
"""How old the `Date` of an answer may be."""
COLLECTED_AFTER = 20_000
"""So many new objects, less those that are gone, until the collector looks for cycles."""


def serve(
    name: str,
    settings_class: type[S],
    open_resources: Callable[[S], AbstractAsyncContextManager[R]],
    create_app: Callable[[R], ASGIApp],
) -> None:
    """Serve an app until told to stop: at once, and ready as soon as its database answers.

    What it announces it relays itself, at once; the worker's relay is the net below it.
    """
    settings = _configure(name, settings_class)

    async def main() -> None:
        prepared = asyncio.Event()
        transport = open_transport(settings.amqp_url.get_secret_value(), name=f"jishi-{name}")

        async def relaying(resources: R) -> None:
            await prepare(resources, migrations=_migrations(settings_class))
            prepared.set()
            if not transport.exclusive:
                relay = Relay(resources.engine, transport, net_seconds=WIDE_NET_SECONDS)
                await kept_running("relay", relay.run)

        async with (
            open_resources(settings) as resources,
            stopping() as stopped,
            serving(
                create_app(resources),
                settings.host,
                settings.port,
                prepared=prepared,
                drain_seconds=settings.drain_seconds,
            ),
            beside(stopped, relaying(resources)),
        ):
            await stopped.wait()
        await transport.close()

    _run_process(main())


def work(
    name: str,
    settings_class: type[S],
    open_resources: Callable[[S], AbstractAsyncContextManager[R]],
    create_worker: Callable[[R, Transport], Worker],
) -> None:
    """Run a worker until told to stop; its health is answered at ``worker_port``."""
    settings = _configure(f"{name}-worker", settings_class)

    async def main() -> None:
        transport = open_transport(settings.amqp_url.get_secret_value(), name=f"jishi-{name}-worker")

        async def working(resources: R) -> None:
            await prepare(resources, migrations=_migrations(settings_class))
            await create_worker(resources, transport).run()

        async with (
            open_resources(settings) as resources,
            stopping() as stopped,
            serving(_health(resources), settings.host, settings.worker_port),
            beside(stopped, working(resources)),
        ):
            await stopped.wait()
        await transport.close()

    _run_process(main())


class _Server(uvicorn.Server):
    """A server that leaves the signals to its process, and tells the time once a second instead of ten times."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_ending = asyncio.Event()

    def end(self) -> None:
        """Take no more requests, finish those under way."""
        self.should_exit = True
        self._is_ending.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await is_set(self._is_ending, within=TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    listener: socket.socket | None = None,
    prepared: asyncio.Event | None = None,
    drain_seconds: float = 0,
) -> AsyncIterator[None]:
    """Serve an app: bounded heads, no access log, idle connections closed after 15 s (SEC6); ends with open requests done.

    A ``listener`` that is already bound is used instead of host and port. The app is not ready before it is ``prepared``;
    before the end it serves on for ``drain_seconds``, unready, while its callers go elsewhere (P16).
    """
    readiness = Readiness(app, prepared=prepared)
    server = _Server(
        uvicorn.Config(
            readiness,
            host=host,
            port=port,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve([listener] if listener else None))
    while not server.started:
        if task.done():
            task.result()
            raise OSError(f"port {port} of {host} cannot be opened")
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        readiness.is_draining = True
        await asyncio.sleep(drain_seconds)
        server.end()
        await task


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's main coroutine on uvloop, where there is one, with as many connections as the machine allows."""
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS names more than it grants
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop_factory = uvloop.new_event_loop if uvloop is not None else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main)


def keep_what_is_there() -> None:
    """Let the collector leave alone what has been imported and opened: it lasts as long as the process.

    A full collection of all that takes 115 ms with every service in one process, in which nobody is answered. What comes
    later is looked at rarely: with thousands of requests in line the collector took a fifth of the gateway's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that is set when the process is asked to stop."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def beside(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something beside the block; should it fail, the process stops, and its failure is raised."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: stopped.set() if _failed(done) else None)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _failed(task: "asyncio.Task[None]") -> bool:
    return not task.cancelled() and task.exception() is not None


def _run_process(main: Coroutine[Any, Any, None]) -> None:
    keep_what_is_there()
    try:
        run(main)
    except UnusableDatabase as error:
        log.critical("process cannot work", extra={"reason": str(error)})
        sys.exit(1)


def _migrations(settings_class: type[ServiceSettings]) -> str:
    """The migrations of the package whose settings these are."""
    return f"{settings_class.__module__.rpartition('.')[0]}.migrations"


def _configure(process: str, settings_class: type[S]) -> S:
    settings = settings_class.from_environment()
    configure_logging(process, settings.log_level)
    collector = settings.otlp_endpoint
    configure_telemetry(
        process,
        sample_ratio=settings.trace_sample_ratio,
        exporter=OTLPSpanExporter(f"{collector}/v1/traces") if collector else None,
        metric_reader=_reader(f"{collector}/v1/metrics") if collector else None,
    )
    return settings


def _reader(url: str) -> MetricReader:
    return PeriodicExportingMetricReader(
        OTLPMetricExporter(url), export_interval_millis=METRICS_SECONDS * 1000
    )


def _health(resources: Resources) -> ASGIApp:
    app = FastAPI(openapi_url=None, telemetry=FASTAPI_TELEMETRY)
    install_problem_handlers(app)
    add_routes(app, health_router(resources))
    return app
