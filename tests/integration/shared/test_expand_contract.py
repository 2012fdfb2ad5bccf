"""The code of a version goes on working on the tables of the next: migrations only add (4.D)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import DatabaseUrls
from shared import migrations
from shared.ids import new_id
from shared.migrations import migrate, migrations_of
from shared.starting import UnusableDatabase, check_migrations
from tests.integration.shared.conftest import WriteMigrations
from tests.support.kernel import kernel_engine, scalar
from tests.support.schema import read_schema, stumbling_blocks
from tests.support.servers import PostgresServer

ALREADY_THERE = {"order": "0003", "payment": "0005"}
"""Up to here nobody was told that older code must go on, and no version was ever released that needed it."""

UNUSED_SINCE = re.compile(r"unused since (\d{4})\b")


@pytest.fixture
def urls(postgres_server: PostgresServer) -> DatabaseUrls:
    """An empty database, nobody else's."""
    return postgres_server.create_database(f"steps_{new_id().hex[:20]}")


@pytest_asyncio.fixture(loop_scope="session")
async def owner(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(urls.owner)
    yield engine
    await engine.dispose()


def runtime_role(owner: AsyncEngine) -> str:
    return str(owner.url.username).removesuffix("_owner")


@pytest.mark.parametrize("service", PACKAGES)
async def test_older_code_stumbles_over_nothing_that_a_migration_does_not_explain(
    service: str, urls: DatabaseUrls, owner: AsyncEngine
) -> None:
    """A migration's ``OLDER_CODE`` says, by name, why older code does not stumble over what this test finds."""
    package = f"{PACKAGES[service]}.migrations"
    first = await migrate(urls.owner, package, to=ALREADY_THERE.get(service, "0001"))
    before = await read_schema(owner, runtime=runtime_role(owner))
    assert before.columns.keys() >= {"outbox.id", "timers.due_at"}
    assert {"outbox.id SELECT", "outbox.id UPDATE", "outbox DELETE"} <= before.rights
    for script in list(migrations_of(package).walk_revisions())[::-1][len(first) :]:
        assert await migrate(urls.owner, package, to=script.revision) == [script.revision]
        after = await read_schema(owner, runtime=runtime_role(owner))
        found = stumbling_blocks(before, after)
        explained: Mapping[str, str] = getattr(script.module, "OLDER_CODE", {})
        assert {what: why for what, why in found.items() if what not in explained} == {}, script.path
        assert explained.keys() <= found.keys(), f"{script.path} explains what nobody stumbles over"
        for what, why in explained.items():
            if found[what] == "is gone":
                since = UNUSED_SINCE.search(why)
                assert since, f"{script.path} must say of {what}: unused since <migration>"
                assert since[1] < script.revision
        before = after
    assert await migrate(urls.owner, package) == []


OLD_TABLES = """
CREATE TABLE orders (id int PRIMARY KEY, note text, place text, price int NOT NULL DEFAULT 0,
  status text NOT NULL CHECK (status IN ('open', 'paid')), kind text CHECK (kind IN ('a', 'b')));
CREATE TABLE carts (id int PRIMARY KEY)
"""
HARMLESS = """
ALTER TABLE orders ADD COLUMN memo text, ADD COLUMN tries int NOT NULL DEFAULT 0, ALTER price DROP NOT NULL,
  DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN ('open', 'sent', 'paid')),
  DROP CONSTRAINT orders_kind_check;
CREATE TABLE parcels (id int PRIMARY KEY, order_id int NOT NULL UNIQUE REFERENCES orders CHECK (order_id > 0));
CREATE INDEX orders_place_idx ON orders (place)
"""
REFUSES = "may refuse what older code writes"
HARMFUL = {
    "DROP TABLE carts": {"carts.id": "is gone"},
    "ALTER TABLE orders RENAME note TO memo": {"orders.note": "is gone"},
    "ALTER TABLE orders ALTER price TYPE bigint": {"orders.price": "was integer and is bigint"},
    "ALTER TABLE orders ALTER note SET NOT NULL": {"orders.note": "may no longer be null"},
    "ALTER TABLE orders ALTER price DROP DEFAULT": {"orders.price": "lost its default"},
    "ALTER TABLE orders ADD memo text NOT NULL": {"orders.memo": "is new, not null and without a default"},
    "ALTER TABLE orders ADD CONSTRAINT orders_price_check CHECK (price > 0)": {
        "constraint orders_price_check": REFUSES
    },
    "ALTER TABLE orders DROP CONSTRAINT orders_kind_check,"
    " ADD CONSTRAINT orders_kind_check CHECK (kind IN ('a', 'c'))": {"constraint orders_kind_check": REFUSES},
    "ALTER TABLE orders ADD UNIQUE (note)": {"constraint orders_note_key": REFUSES},
    "CREATE UNIQUE INDEX orders_open_idx ON orders (place) WHERE status = 'open'": {
        "index orders_open_idx": REFUSES
    },
    "ALTER TABLE orders ADD FOREIGN KEY (price) REFERENCES carts": {"constraint orders_price_fkey": REFUSES},
    "CREATE TRIGGER orders_kept BEFORE UPDATE ON orders FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": {"trigger orders_kept": REFUSES},
    "REVOKE DELETE ON carts FROM {runtime}": {"right carts DELETE": "is gone"},
}


@pytest.mark.parametrize(("script", "expected"), [(HARMLESS, {}), *HARMFUL.items()])
async def test_what_older_code_would_stumble_over_is_found(
    script: str,
    expected: dict[str, str],
    urls: DatabaseUrls,
    owner: AsyncEngine,
    write_migrations: WriteMigrations,
) -> None:
    runtime = runtime_role(owner)
    package = write_migrations(OLD_TABLES, script.format(runtime=runtime))
    await migrate(urls.owner, package, to="0001")
    before = await read_schema(owner, runtime=runtime)
    await migrate(urls.owner, package)
    assert stumbling_blocks(before, await read_schema(owner, runtime=runtime)) == expected


async def test_older_code_starts_and_migrates_nothing_on_newer_tables(
    urls: DatabaseUrls, write_migrations: WriteMigrations
) -> None:
    """A rolling deployment, and going back to the version before."""
    older, newer = write_migrations(OLD_TABLES), write_migrations(OLD_TABLES, HARMLESS)
    assert await migrate(urls.owner, older) == ["0001"]
    async with kernel_engine(urls) as engine:
        with pytest.raises(UnusableDatabase, match="is at migration 0001 and this version needs 0002"):
            await check_migrations(engine, newer)
        assert await migrate(urls.owner, newer) == ["0002"]
        for package in (older, newer):
            await check_migrations(engine, package)
        assert await migrate(urls.owner, older) == []
        assert await scalar(engine, "SELECT version_num FROM alembic_version") == "0002"


async def test_a_migration_waits_only_so_long_for_a_table_and_then_has_changed_nothing(
    urls: DatabaseUrls,
    owner: AsyncEngine,
    write_migrations: WriteMigrations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.2)
    package = write_migrations(OLD_TABLES, f"CREATE TABLE first (id int); {HARMLESS}")
    await migrate(urls.owner, package, to="0001")
    async with owner.begin() as reader:
        await reader.execute(text("SELECT FROM orders"))
        async with asyncio.timeout(5):
            with pytest.raises(DBAPIError, match="lock timeout"):
                await migrate(urls.owner, package)
    assert await scalar(owner, "SELECT to_regclass('first') IS NULL") is True
    assert await migrate(urls.owner, package) == ["0002"]


async def test_a_migrator_waits_for_another_however_long_it_takes(
    urls: DatabaseUrls,
    owner: AsyncEngine,
    write_migrations: WriteMigrations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.1)
    async with owner.begin() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": migrations._MIGRATOR_LOCK})
        waiting = asyncio.create_task(migrate(urls.owner, write_migrations(OLD_TABLES)))
        await asyncio.sleep(0.5)
        assert not waiting.done()
    assert await waiting == ["0001"]
