"""A service's database is set back while the shop runs, hears again what it missed, and the books agree (4.D; runbook)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest_asyncio

from audit.checkpoints import Checkpoint
from audit.clauses import CLAUSES
from audit.databases import Place
from audit.run import Mode, audit
from deploy.layout import PACKAGES
from deploy.local.backup import archiving, take_backup
from deploy.local.postgres import LocalPostgres
from deploy.local.restore import restore
from deploy.owners import owner_engine
from deploy.replay import announce_again
from shared.clock import ManualClock
from shared.migrations import migrate
from tests.audit.history import remember
from tests.integration.order.market import Market
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat


class Machine:
    """A shop on a PostgreSQL server of its own, with its backups."""

    def __init__(self, folder: Path, server: LocalPostgres, shop: Shop, market: Market) -> None:
        self.shop, self.market = shop, market
        self._folder, self._server = folder, server

    async def back_up(self) -> None:
        await asyncio.to_thread(take_backup, self._server, self._folder / "backups", now=datetime.now(UTC))

    async def set_back(self, service: str, to: datetime | None) -> str:
        return await asyncio.to_thread(
            restore,
            service,
            to=to,
            postgres=self._server,
            folder=self._folder / "server",
            backups=self._folder / "backups",
            workshop=self._folder / "restore",
            now=datetime.now(UTC),
        )

    async def audit(self) -> list[str]:
        """What the audit finds at rest."""
        history = remember(self.shop)
        place = Place(history.urls, history.field_keys, is_running=True)
        result = await audit(
            place, CLAUSES, mode=Mode.REST, read_checkpoint=partial(Checkpoint, positions={})
        )
        return [
            f"{outcome.clause.id}: {outcome.failed or outcome.findings}"
            for outcome in result.outcomes
            if outcome.findings or outcome.failed
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def machine(tmp_path: Path, wechat: WeChat) -> AsyncIterator[Machine]:
    settings = {"fsync": "off", "max_connections": "300"} | archiving(tmp_path / "backups")
    with LocalPostgres(tmp_path / "server", port=7660, settings=settings) as server:
        databases = server.ensure(PACKAGES)
        for name, package in PACKAGES.items():
            await migrate(databases[name].owner, f"{package}.migrations")
        async with open_shop(wechat, databases=databases) as shop:
            market = Market(shop, ManualClock(datetime.now(UTC)))
            await market.prepare()
            yield Machine(tmp_path, server, shop, market)


async def test_no_change_is_lost_and_what_was_set_back_catches_up(machine: Machine) -> None:
    market = machine.market
    tea = await market.sku(price_fen=5_000, stock=50)
    anna = await market.buyer(points=900)
    await machine.back_up()
    first = await market.paid_order(anna, {tea: 2}, use_points=100)
    second = await market.order(anna, {tea: 1})
    await market.settle()
    instant = datetime.now(UTC)
    await asyncio.sleep(0.01)

    await market.pay(anna, second)
    await market.learn_of_payment(second)
    line = (await market.detail(first))["lines"][0]["order_line_id"]
    assert (await market.try_refund(first, {line: 1})).status_code == 201
    await market.refunds_arrive()
    await market.settle()
    points, stock = await market.points(anna), await market.stock(tea)

    for service in ("member", "catalog"):
        await machine.set_back(service, instant)
    assert await market.points(anna) != points
    assert await market.stock(tea) != stock
    async with owner_engine("order") as engine:
        await announce_again(engine, since=instant)
    await market.settle()
    assert await market.points(anna) == points
    assert await market.stock(tea) == stock

    order_events = await market.rows("order", "SELECT event_id FROM outbox ORDER BY id")
    await machine.set_back("order", None)
    assert await market.rows("order", "SELECT event_id FROM outbox ORDER BY id") == order_events
    third = await market.paid_order(anna, {tea: 1})
    await market.settle()
    assert await market.status(third) == "paid"
    assert await machine.audit() == []
