"""The full mode: RabbitMQ, and a process for each app and worker, each behind wires that can be cut."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import aiohttp

from chaos.addresses import Addresses
from chaos.database_wires import behind_a_wire, open_database_wires
from chaos.outages import Outages
from chaos.platforms import made
from chaos.proxies.postgres import PostgresWire
from chaos.proxies.rabbitmq import RabbitMQWire
from chaos.proxies.wire import through
from chaos.supervisor import Supervised, retire
from deploy.layout import APPS, PACKAGES, PROCESSES, SERVICES, WORKERS, Process, ports_from
from deploy.local.configuration import configure
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls
from deploy.local.processes import end_process, wait_until
from deploy.local.rabbitmq import LocalRabbitMQ
from deploy.local.rabbitmq_configuration import User, service_user, unlimited_user
from shared.http.connections import KEPT_ALIVE_SECONDS
from shared.migrations import migrate
from shared.settings import SECRETS_FOLDER
from simulator.merchant import generate

HARNESS_USER = "chaos"
SERVICE_OF = {process.name: process.service for process in PROCESSES}
WORKER_NAMES = frozenset(process.name for process in WORKERS)
DRAIN_SECONDS = KEPT_ALIVE_SECONDS + 1
SERVERS_FROM, BROKER_WIRES_FROM = 50, 70
"""Where the servers' ports begin, and those of the wires to the broker, counted from the gateway's."""


class FullPlatform:
    """The running platform."""

    takes_wechat_along: bool = False

    def __init__(self, folder: Path, *, port: int, is_rolling: bool) -> None:
        self.folder = folder
        self.outages = Outages()
        self.url = f"http://127.0.0.1:{port}"
        self.simulator_url = ""
        self.postgres = LocalPostgres(folder / "postgres", port=port + SERVERS_FROM)
        self.rabbitmq = LocalRabbitMQ(folder / "rabbitmq", port=port + SERVERS_FROM + 1)
        self.database_wires: dict[str, PostgresWire] = {}
        self.broker_wires: dict[str, RabbitMQWire] = {}
        self.processes: dict[str, Supervised] = {}
        self.addresses: Addresses | None = Addresses(port) if is_rolling else None
        self.broker_url = ""
        self._port = port
        self._restarting = asyncio.Lock()

    @property
    def owner_password(self) -> str:
        return (self.folder / "secrets" / "gateway_owner_password").read_text()

    def busy(self, target: str) -> int:
        service, pid = SERVICE_OF[target], self.processes[target].pid
        unacknowledged = self.broker_wires[service].unacknowledged() if target in WORKER_NAMES else 0
        return self.database_wires[service].busy(pid) + unacknowledged

    async def kill(self, target: str, *, with_database: bool) -> None:
        self.processes[target].kill()

    async def ready(self, target: str) -> None:
        await self.processes[target].is_ready.wait()

    async def restart_database(self, way: str) -> None:
        async with self._restarting:
            outage = self.outages.begin("postgresql", way)
            if way == "kill":
                os.kill(self._pid("postgres/data/postmaster.pid"), signal.SIGKILL)
            else:
                await asyncio.to_thread(self._stop_postgres)
            await asyncio.to_thread(self._start_postgres)
            self.outages.end(outage)

    async def restart_broker(self, way: str) -> None:
        """kill -9 RabbitMQ, or stop it, and start it again."""
        async with self._restarting:
            outage = self.outages.begin("rabbitmq", way)
            if way == "kill":
                os.kill(self._pid("rabbitmq/node.pid"), signal.SIGKILL)
            urls = await asyncio.to_thread(self._start_broker)
            self.broker_url = urls[HARNESS_USER]
            self.outages.end(outage)

    async def roll(self, target: str) -> int:
        """Replace a process as a rolling update does; the exit code of the old one."""
        assert self.addresses is not None
        async with self._restarting:
            port = self.addresses.next_port()
            before = await self.processes[target].succeed(
                {_port_setting(target): str(port)}, ready_url=_ready_url(port)
            )
            self.addresses.switch(target, port)
        return await retire(before)

    async def at_rest(self) -> bool:
        if any(wire.unacknowledged() for wire in self.broker_wires.values()):
            return False
        queues = {queue for wire in self.broker_wires.values() for queue in wire.traffic.queues}
        async with await aio_pika.connect(self.broker_url, timeout=5) as connection:
            channel = await connection.channel()
            for name in sorted(queues):
                queue = await channel.declare_queue(name, passive=True)
                if queue.declaration_result.message_count:
                    return False
        return True

    async def open(self, stack: AsyncExitStack, http: aiohttp.ClientSession) -> None:
        """Start everything; all of it ends with the stack."""
        ports = ports_from(self._port)
        self.simulator_url = f"http://127.0.0.1:{ports['simulator']}"
        await asyncio.to_thread(generate, made(self.folder / "simulator"))
        databases, amqp_urls = await asyncio.gather(self._open_databases(stack), self._open_broker(stack))
        environment = configure(
            self.folder,
            databases=databases,
            amqp_urls=amqp_urls,
            merchant_folder=self.folder / "simulator",
            simulator_url=self.simulator_url,
            public_url=self.url,
            ports=ports,
        ) | {"GATEWAY_LIMITS_SCALE": "1000"}
        if self.addresses is not None:
            ports = await self.addresses.open(stack, ports)
            environment |= {f"{name.upper()}_DRAIN_SECONDS": str(DRAIN_SECONDS) for name in PACKAGES}
        await self._open_processes(stack, http, environment, ports)
        await self._until_bound()

    async def _open_databases(self, stack: AsyncExitStack) -> dict[str, DatabaseUrls]:
        """PostgreSQL, migrated databases, and a wire to each: how the services reach them."""
        stack.push_async_callback(asyncio.to_thread, self.postgres.stop)
        await asyncio.to_thread(self.postgres.start)
        urls = await asyncio.to_thread(self.postgres.ensure, PACKAGES)
        for name, package in PACKAGES.items():
            await migrate(urls[name].owner, f"{package}.migrations")
        ports = await open_database_wires(stack, self.database_wires, self.postgres, port=self._port)
        return {name: behind_a_wire(urls[name], ports[name]) for name in PACKAGES}

    async def _open_broker(self, stack: AsyncExitStack) -> dict[str, str]:
        """RabbitMQ and a wire to it for each service: how the services reach it."""
        stack.push_async_callback(asyncio.to_thread, self.rabbitmq.stop)
        urls = await asyncio.to_thread(self._start_broker)
        self.broker_url = urls.pop(HARNESS_USER)
        for name in SERVICES:
            wire = self.broker_wires[name] = RabbitMQWire(server_port=lambda: _port_of(self.broker_url))
            stack.push_async_callback(wire.wire.close)
            urls[name] = through(urls[name], await wire.wire.listen(self._port + BROKER_WIRES_FROM))
        return urls

    async def _open_processes(
        self,
        stack: AsyncExitStack,
        http: aiohttp.ClientSession,
        environment: Mapping[str, str],
        ports: Mapping[str, int],
    ) -> None:
        """The simulator, then every worker and app; returns once all are ready."""
        logs = made(self.folder / "logs")
        simulator = Supervised(
            "simulator",
            "simulator",
            {
                "SIMULATOR_PORT": str(ports["simulator"]),
                "SIMULATOR_FOLDER": str(self.folder / "simulator"),
            },
            ready_url=f"{self.simulator_url}/_control/clock",
            logs=logs,
            outages=self.outages,
            http=http,
        )
        for process in (*WORKERS, *APPS):
            self.processes[process.name] = Supervised(
                process.name,
                process.module,
                _environment_of(process, environment)
                | {_port_setting(process.name): str(ports[process.name])},
                ready_url=_ready_url(ports[process.name]),
                logs=logs,
                outages=self.outages,
                http=http,
            )
        supervised = (simulator, *self.processes.values())

        async def stop_all() -> None:
            await asyncio.gather(*(each.stop() for each in supervised))

        stack.push_async_callback(stop_all)
        for each in supervised:
            await each.start()
        for each in supervised:
            await each.until_ready()

    async def _until_bound(self) -> None:
        """Wait until every worker consumes: what is announced before its queue exists reaches nobody."""
        before = -1
        while True:
            consumers = sum(wire.traffic.consumers for wire in self.broker_wires.values())
            if consumers == before and all(
                wire.traffic.consumers for name, wire in self.broker_wires.items() if name != "payment"
            ):
                return
            before = consumers
            await asyncio.sleep(1)

    def _pid(self, path: str) -> int:
        return int((self.folder / path).read_text().split("\n", 1)[0])

    def _stop_postgres(self) -> None:
        data = str((self.folder / "postgres").resolve() / "data")
        end_process(self._pid("postgres/data/postmaster.pid"), mark=data, by=signal.SIGINT)

    def _start_postgres(self) -> None:
        wait_until(lambda: not self.postgres.running, seconds=10)
        self.postgres.start()

    def _start_broker(self) -> dict[str, str]:
        def user(name: str, password: str) -> User:
            return (unlimited_user if name == HARNESS_USER else service_user)(name, password)

        return self.rabbitmq.start([*SERVICES, HARNESS_USER], user=user)


@asynccontextmanager
async def full_platform(folder: Path, *, port: int, is_rolling: bool = False) -> AsyncIterator[FullPlatform]:
    """A platform of its own below a folder, at ports from `port` on; its processes can be replaced if it is rolling."""
    platform = FullPlatform(made(folder), port=port, is_rolling=is_rolling)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await platform.open(stack, http)
        yield platform


def _environment_of(process: Process, environment: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{process.service.upper()}_"
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(prefix) or name == SECRETS_FOLDER
    }


def _port_setting(process: str) -> str:
    return f"{SERVICE_OF[process].upper()}_{'WORKER_PORT' if process in WORKER_NAMES else 'PORT'}"


def _ready_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/health/ready"


def _port_of(url: str) -> int:
    return urlsplit(url).port or 0
