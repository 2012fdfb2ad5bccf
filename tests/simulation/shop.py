"""The shop in one process: the services' own code on simulated processes, network, broker, clock and WeChat Pay."""

import importlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import MISSING, dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import asyncpg
import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.types import ASGIApp

from deploy.local.postgres_roles import DatabaseUrls
from shared.database import create_engine
from shared.http.identity import Identity
from shared.http.services import Services
from shared.remembered import Remembered
from shared.resources import Resources
from shared.wechat.pay import WeChatPay as WeChatPayClient
from tests.simulation.broker import Broker, SimulatedTransport
from tests.simulation.databases import SimulatedDatabase
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import SimulatedExchange
from tests.simulation.processes import Process
from tests.simulation.wechat import WeChatPay
from tests.simulation.workers import start_worker
from tests.simulation.world import OUTSIDE, Clock, World

SERVICES = ("catalog", "order", "payment", "member", "campaign")
WITH_TWO_WORKERS = ("order", "payment")


@dataclass(frozen=True, slots=True)
class Shop:
    """What stays from seed to seed: apps, databases, and the connections of their owners to look into them."""

    loop: SimulatedLoop
    resources: Mapping[str, Resources]
    databases: Mapping[str, SimulatedDatabase]
    owners: Mapping[str, asyncpg.Connection]
    exchange: SimulatedExchange
    wechat: WeChatPay
    gateway: Services

    async def reset(self) -> None:
        """Every database as it was after it was filled."""
        with self.loop.working():
            for owner in self.owners.values():
                await owner.execute("SELECT simulation.reset()")

    async def compact(self) -> None:
        """Take away the dead rows of earlier seeds."""
        with self.loop.working():
            for owner in self.owners.values():
                await owner.execute("SELECT simulation.compact()")

    async def rows(self, service: str, query: str, *values: Any) -> list[Any]:
        """Look into a service's database."""
        with self.loop.working():
            return list(await self.owners[service].fetch(query, *values))


@dataclass(frozen=True, slots=True)
class Running:
    """The processes of one seed."""

    shop: Shop
    world: World
    broker: Broker
    outside: Process
    processes: list[Process]
    reactions: Mapping[str, list[str]]

    def stop(self) -> None:
        """End everything that still waits."""
        for process in [*self.processes, self.outside]:
            process.kill()
            process.bury()


def begin(shop: Shop, world: World) -> Running:
    """Start every process for a seed."""
    broker, outside = Broker(world), Process(OUTSIDE)
    servers = {name: Process(f"{name}-app", partial(_remember_nothing, shop, name)) for name in SERVICES}
    processes = list(servers.values())
    reactions: dict[str, list[str]] = {}
    for name in SERVICES:
        shop.databases[name].world, shop.databases[name].watchers = world, []
        for reaction in _worker(shop, name, broker).reactions:
            reactions[reaction.name] = [type_.type for type_ in reaction.types]
            for type_ in reaction.types:
                broker.bindings[type_.type].add(reaction.name)
        count = 2 if name in WITH_TWO_WORKERS and world.dice.random() < 0.25 else 1
        processes += [_worker_process(shop, world, broker, name, number) for number in range(count)]
    shop.exchange.world, shop.exchange.servers = world, servers
    shop.wechat.begin(world, outside)
    for process in [outside, *processes]:
        process.start()
    return Running(shop, world, broker, outside, processes, reactions)


def _remember_nothing(shop: Shop, name: str, _: Process) -> None:
    """A process begins with an empty memory: what resources hold by default is made anew, what they read is forgotten."""
    resources = shop.resources[name]
    for each in fields(resources):
        if isinstance(known := getattr(resources, each.name), Remembered):
            known.forget()
    memory = {
        each.name: each.default_factory() for each in fields(resources) if each.default_factory is not MISSING
    }
    shop.exchange.services.apps[name].state.resources = replace(resources, **memory)  # type: ignore[attr-defined]


def _worker(shop: Shop, name: str, broker: Broker) -> Any:
    return module(name, "worker").create_worker(shop.resources[name], SimulatedTransport(broker))


def _worker_process(shop: Shop, world: World, broker: Broker, name: str, number: int) -> Process:
    def start(process: Process) -> None:
        worker, transport = _worker(shop, name, broker), SimulatedTransport(broker)
        start_worker(process, world, worker, shop.databases[name], shop.owners[name], transport)

    return Process(f"{name}-worker-{number}", start)


@asynccontextmanager
async def open_shop(
    loop: SimulatedLoop, databases: Mapping[str, DatabaseUrls], merchant_folder: Path
) -> AsyncIterator[Shop]:
    """Open the services on migrated databases, as this process's environment says."""
    apps: dict[str, ASGIApp] = {}
    exchange, clock = SimulatedExchange(apps), Clock(loop)
    async with AsyncExitStack() as stack:
        owners: dict[str, asyncpg.Connection] = {}
        resources: dict[str, Resources] = {}
        engines: dict[str, SimulatedDatabase] = {}
        for name in SERVICES:
            owners[name] = await asyncpg.connect(databases[name].owner.replace("+asyncpg", ""))
            stack.push_async_callback(owners[name].close)
            settings = module(name, "settings").Settings.from_environment()
            with patch("shared.resources.create_engine", partial(_simulated_engine, engines, name)):
                resources[name] = await stack.enter_async_context(
                    module(name, "resources").open_resources(settings, clock=clock, exchange=exchange)
                )
        account = resources["payment"].account  # type: ignore[attr-defined]
        wechat = WeChatPay(account, _platform_key(merchant_folder))
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.MockTransport(wechat.handle))
        )
        client = WeChatPayClient(account, http, clock=clock.now)
        resources["payment"] = replace(resources["payment"], wechat_pay=client)  # type: ignore[call-arg]
        apps |= {name: module(name, "app").create_app(resources[name]) for name in SERVICES}
        gateway = Services(_gateway(), exchange)
        yield Shop(loop, resources, engines, owners, exchange, wechat, gateway)


def _simulated_engine(
    engines: dict[str, SimulatedDatabase], name: str, url: str, **options: Any
) -> SimulatedDatabase:
    """The engine of a service, with its database on the simulated clock."""
    engines[name] = SimulatedDatabase(name, create_engine(url, **options))
    return engines[name]


def module(name: str, part: str) -> ModuleType:
    """A part of a service, by its name."""
    return importlib.import_module(f"services.{name}.{part}")


def _gateway() -> Identity:
    keys = Path(os.environ["GATEWAY_IDENTITY_KEY_FILE"]), Path(os.environ["GATEWAY_IDENTITY_KEYRING_FILE"])
    return Identity.from_files("gateway", *keys)


def _platform_key(folder: Path) -> RSAPrivateKey:
    key = load_pem_private_key((folder / "platform" / "private_key.pem").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return key
