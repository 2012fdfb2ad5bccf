"""What a process waits for at its start, and what it does not (4.E, SEC15)."""

import asyncio
import importlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import DatabaseUrls
from shared import starting
from shared.clock import SystemClock
from shared.database import create_engine
from shared.http.identity import Identity, generate_keys
from shared.http.services import LocalExchange, Services
from shared.ids import new_id
from shared.resources import Resources
from shared.starting import UnusableDatabase, check_migrations, newest_migration, prepare
from tests.support.kernel import PACKAGE, execute, kernel_database, kernel_engine
from tests.support.proxy import wire_to
from tests.support.servers import PostgresServer

NAME = "kernel"


@pytest.fixture
def resources_on(tmp_path: Path) -> Callable[[AsyncEngine], Resources]:
    identity = Identity.from_files(NAME, tmp_path / f"{NAME}.pem", generate_keys(tmp_path, [NAME]))

    def over(engine: AsyncEngine) -> Resources:
        services = Services(identity, LocalExchange({}))
        return Resources(name=NAME, engine=engine, clock=SystemClock(), identity=identity, services=services)

    return over


async def test_a_database_that_is_away_is_waited_for(
    resources_on: Callable[[AsyncEngine], Resources],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(starting, "LONGEST_PAUSE_SECONDS", 0.1)
    urls = await kernel_database()
    async with wire_to(urls.runtime) as wire:
        await wire.cut()
        engine = create_engine(wire.url, application_name="waiting")
        preparing = asyncio.create_task(prepare(resources_on(engine), migrations=PACKAGE))
        await asyncio.sleep(0.5)
        assert not preparing.done()
        await wire.mend()
        async with asyncio.timeout(10):
            await preparing
        await engine.dispose()
    assert {record.message for record in caplog.records} == {"waiting for the database"}


@pytest.mark.parametrize("part", ["password", "role", "database"])
async def test_who_is_refused_does_not_wait(
    resources_on: Callable[[AsyncEngine], Resources], postgres_server: PostgresServer, part: str
) -> None:
    urls = await kernel_database()
    user, place = urls.runtime.split("@")
    role, password = user.removeprefix("postgresql+asyncpg://").split(":")
    wrong = {
        "password": f"postgresql+asyncpg://{role}:guess@{place}",
        "role": f"postgresql+asyncpg://nobody:{password}@{place}",
        "database": f"{urls.runtime}_x",
    }[part]
    async with kernel_engine(DatabaseUrls(wrong, urls.owner)) as engine:
        with pytest.raises(UnusableDatabase, match=f"The database refuses {NAME}: .*"):
            await prepare(resources_on(engine), migrations=PACKAGE)


async def test_a_database_without_our_migrations_is_refused_by_name(postgres_server: PostgresServer) -> None:
    name = f"empty_{new_id().hex[:12]}"
    urls = await asyncio.to_thread(postgres_server.create_database, name)
    async with kernel_engine(urls) as engine:
        with pytest.raises(
            UnusableDatabase,
            match=rf"{name} is at migration none and this version needs 0001 of .*deploy\.migrate",
        ):
            await check_migrations(engine, PACKAGE)


async def test_a_database_of_an_older_version_is_refused_and_one_of_the_next_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    urls = await kernel_database()
    async with kernel_engine(urls) as engine, kernel_engine(DatabaseUrls(urls.owner, urls.owner)) as owner:
        caplog.set_level(logging.WARNING)
        await check_migrations(engine, PACKAGE)
        assert caplog.messages == []
        await execute(owner, "UPDATE alembic_version SET version_num = '0000'")
        with pytest.raises(UnusableDatabase, match="is at migration 0000 and this version needs 0001"):
            await check_migrations(engine, PACKAGE)
        await execute(owner, "UPDATE alembic_version SET version_num = '0002'")
        await check_migrations(engine, PACKAGE)
        assert caplog.messages == ["the database is ahead of this version"]


@pytest.mark.parametrize("package", [f"{package}.migrations" for package in PACKAGES.values()])
def test_the_number_in_a_migrations_name_is_its_revision(package: str) -> None:
    folder = str(Path(importlib.import_module(package).__path__[0]))
    assert ScriptDirectory(folder, version_locations=[folder]).get_current_head() == newest_migration(package)
