"""Running seeds."""

import asyncio
import gc
import logging
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from deploy.local.configuration import apply, configure
from simulator import merchant
from tests.simulation.checks import violations
from tests.simulation.goods import Goods, fill
from tests.simulation.loop import SimulatedLoop, Stuck
from tests.simulation.preparation import give_a_clock, remember
from tests.simulation.processes import adopt_tasks
from tests.simulation.shop import SERVICES, Running, Shop, begin, open_shop
from tests.simulation.shoppers import People
from tests.simulation.world import NO_FAULTS, World
from tests.support.databases import fresh_databases

NOWHERE = "http://nowhere.invalid"
REST_SECONDS = 24 * 3600.0
FILLING = 0
SEEDS_BETWEEN_COMPACTIONS = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed: what is wrong at its end, how it got there, the fingerprint of that, and how much happened."""

    seed: int
    violations: list[str]
    trace: list[str]
    digest: str
    crashes: int
    orders: int


class Simulation:
    """A shop for simulated runs, opened once for any number of seeds, on this test run's PostgreSQL."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="jishi-simulation-"))
        merchant.generate(self._folder / "merchant")
        databases = asyncio.run(fresh_databases(SERVICES))
        environment = configure(
            self._folder,
            databases=databases,
            amqp_urls={},
            merchant_folder=self._folder / "merchant",
            simulator_url=NOWHERE,
            public_url=NOWHERE,
        )
        apply(environment)
        self._runner = asyncio.Runner(loop_factory=SimulatedLoop)
        loop = self._runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        self._loop = loop
        adopt_tasks(loop)
        self._stack = AsyncExitStack()
        self._seeds = 0

        async def open_and_fill() -> tuple[Shop, Goods]:
            with loop.working():
                for urls in databases.values():
                    owner = await asyncpg.connect(urls.owner.replace("+asyncpg", ""))
                    await give_a_clock(owner)
                    await owner.close()
                shop = await self._stack.enter_async_context(
                    open_shop(loop, databases, self._folder / "merchant")
                )
            goods = await _fill(shop)
            with loop.working():
                for owner in shop.owners.values():
                    await remember(owner)
            return shop, goods

        self._shop, self._goods = self._runner.run(open_and_fill())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        async def close() -> None:
            with self._loop.working():
                await self._stack.aclose()

        self._runner.run(close())
        self._runner.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, seed: int) -> Outcome:
        """Run one seed from the same beginning, and look at what it left."""
        gc.disable()
        logging.disable(logging.CRITICAL)
        try:
            return self._runner.run(self._simulate(seed))
        finally:
            logging.disable(logging.NOTSET)
            gc.enable()

    async def _simulate(self, seed: int) -> Outcome:
        shop = self._shop
        await shop.reset()
        self._seeds += 1
        if self._seeds % SEEDS_BETWEEN_COMPACTIONS == 0:
            await shop.compact()
        self._loop.rewind()
        world = World(seed, self._loop)
        people = People(shop, world, self._goods)
        with world.ruling():
            running = begin(shop, world)
            try:
                found = await _through(running, people)
            except Stuck as stuck:
                found = [f"I2: {stuck}"]
            finally:
                running.stop()
                await asyncio.sleep(0)
        return Outcome(seed, found, world.trace, world.digest(), world.crashes, len(people.told.placed))


async def _through(running: Running, people: People) -> list[str]:
    """Live with faults, then without, until nothing is due; then look."""
    world, loop = running.world, running.shop.loop
    living = running.outside.spawn(people.live())
    await living
    world.calm()
    await loop.until_rest(within=REST_SECONDS)
    return await violations(running, people.told)


async def _fill(shop: Shop) -> Goods:
    world = World(FILLING, shop.loop)
    world.faults = NO_FAULTS
    with world.ruling():
        running = begin(shop, world)
        filling = running.outside.spawn(fill(shop))
        goods: Goods = await filling
        await shop.loop.until_rest(within=REST_SECONDS)
        running.stop()
        await asyncio.sleep(0)
    return goods
