"""What the platform stands on at one machine: PostgreSQL, migrated databases, WeChat's simulator, and settings."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.request import urlopen

from deploy.layout import GATEWAY_PORT, PACKAGES, SERVICES, ports_from
from deploy.local.backup import archiving
from deploy.local.children import Child, Launch, end_leftovers
from deploy.local.configuration import configure
from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.home import BACKUPS, HOME, POSTGRES, RABBITMQ
from deploy.local.ports import Revival
from deploy.local.postgres import DEFAULT_PORT as POSTGRES_PORT, LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls
from deploy.local.processes import EPHEMERAL_PORTS_START, is_free, wait_until
from deploy.local.progress import Progress
from deploy.local.rabbitmq import DEFAULT_PORT as RABBITMQ_PORT, LocalRabbitMQ
from deploy.reactions import all_reactions
from shared.migrations import migrate
from simulator.merchant import generate

LOGS = HOME / "logs"
SIMULATOR = HOME / "simulator"
READY_SECONDS = 30.0
LIMITS = "GATEWAY_LIMIT"
"""The gateway's limits are taken from the environment of whoever starts the shop."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground under a platform; ``environment`` is that of its processes."""

    environment: Mapping[str, str]
    port: int
    simulator_url: str
    owner_password: str
    wait_for_broker: Callable[[], None]
    """Returns once the broker answers, which starts beside everything else: only workers need it at their start."""
    watch: Callable[[Callable[[str], None]], None]
    """Starts again what has died; called now and then."""

    @property
    def url(self) -> str:
        """Where the shop is reached."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def open_ground(progress: Progress, *, with_broker: bool, launch: Launch) -> Iterator[Ground]:
    """Start the servers, migrate, and configure; everything that was started stops with the block.

    JISHI_PORT chooses another port for the shop; all others keep their distance from it. Raises LocalServerError with
    what to do.
    """
    if ServerFolder(POSTGRES, server="PostgreSQL").holder() is None:
        end_leftovers()
    ports = ports_from(_gateway_port())
    port, simulator_port = ports["gateway"], ports["simulator"]
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    with ExitStack() as stack:
        servers: list[Revival] = []
        broker: LocalRabbitMQ | None = None
        amqp_urls: Mapping[str, str] = {}
        if with_broker:
            broker = stack.enter_context(LocalRabbitMQ(RABBITMQ, port=_moved(RABBITMQ_PORT, port)))
            amqp_urls = broker.launch(SERVICES, reactions=all_reactions())
            if "JISHI_AMQP_URL" not in os.environ:
                start_broker = partial(broker.start, SERVICES, reactions=all_reactions())
                servers.append(Revival("RabbitMQ", runs=lambda: broker.running, start=start_broker))
        generate(SIMULATOR)
        simulator = Child(
            "simulator",
            "simulator.__main__",
            {"SIMULATOR_PORT": str(simulator_port), "SIMULATOR_FOLDER": str(SIMULATOR)},
            LOGS,
            launch=launch,
        )
        simulator.start()
        stack.callback(simulator.wait_stopped)
        stack.callback(simulator.ask_to_stop)
        with progress.step("PostgreSQL") as step:
            postgres = LocalPostgres(
                POSTGRES, port=_moved(POSTGRES_PORT, port), settings=archiving(BACKUPS), say=step.say
            )
            stack.enter_context(postgres)
            servers.append(Revival("PostgreSQL", runs=lambda: postgres.running, start=postgres.start))
            databases = postgres.ensure(PACKAGES)
            step.outcome = f"port {postgres.port}"
        with progress.step("Databases") as step:
            applied = asyncio.run(_migrate(databases, step.show))
            step.outcome = f"{applied} migrations applied" if applied else "up to date"
        environment = configure(
            HOME,
            databases=databases,
            amqp_urls=amqp_urls,
            merchant_folder=SIMULATOR,
            simulator_url=simulator_url,
            public_url=f"http://127.0.0.1:{port}",
            ports=ports,
        ) | {name: value for name, value in os.environ.items() if name.startswith(LIMITS)}
        with progress.step("WeChat simulator") as step:
            wait_for(simulator, f"{simulator_url}/_control/clock")
            step.outcome = simulator_url

        def wait_for_broker() -> None:
            if broker is not None:
                with progress.step("RabbitMQ"):
                    broker.wait_ready()

        def watch(say: Callable[[str], None]) -> None:
            simulator.revive(say)
            for server in servers:
                server.revive(say)

        password = (HOME / "secrets" / "gateway_owner_password").read_text()
        yield Ground(environment, port, simulator_url, password, wait_for_broker, watch)


def wait_for(child: Child, url: str) -> None:
    """Wait until a started process answers at a URL; raises LocalServerError with its last words."""

    def answers() -> bool:
        child.check_alive()
        try:
            with urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    if not wait_until(answers, seconds=READY_SECONDS):
        raise LocalServerError(f"{child.name} does not answer at {url}; see {LOGS / (child.name + '.log')}.")


async def _migrate(databases: Mapping[str, DatabaseUrls], show: Callable[[str], None]) -> int:
    applied = 0
    for name, package in PACKAGES.items():
        show(name)
        applied += len(await migrate(databases[name].owner, f"{package}.migrations"))
    return applied


def _gateway_port() -> int:
    """The port asked for, when it and the simulator's are free; raises LocalServerError with what to do."""
    port = int(os.environ.get("JISHI_PORT", GATEWAY_PORT))
    for who, wanted in (("The shop", port), ("The WeChat simulator", ports_from(port)["simulator"])):
        if not is_free(wanted):
            raise LocalServerError(
                f"{who} wants port {wanted}, which another process holds. Stop that one (is the shop running already? "
                f"`make down` stops it), or choose another port: JISHI_PORT={port + 1000} make run"
            )
    return port


def _moved(usual: int, gateway_port: int) -> int:
    """Where a server looks for a free port: at its usual distance from the gateway's, so that shops do not race for one."""
    moved = usual + gateway_port - GATEWAY_PORT
    return moved if moved < EPHEMERAL_PORTS_START - 1_000 else usual
