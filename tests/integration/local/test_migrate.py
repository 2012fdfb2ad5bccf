"""The migrator on a server that only has roles and databases, as an operator of PostgreSQL makes them."""

from pathlib import Path

import asyncpg
import pytest

from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import RUNTIME_LIMITS, database_urls, owner_of
from deploy.migrate import migrate_all
from shared.settings import SECRETS_FOLDER

SERVICE = "payment"
PASSWORDS = {SERVICE: "its-own", owner_of(SERVICE): "the-owners"}


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)


async def test_a_service_may_change_rows_and_nothing_else_once_its_owner_has_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalPostgres(tmp_path / "server", port=7632, settings={"fsync": "off"}) as server:
        for role, password in PASSWORDS.items():
            server.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}';")
        server.sql(f"CREATE DATABASE {SERVICE} OWNER {owner_of(SERVICE)};")
        server.sql("CREATE ROLE stranger LOGIN PASSWORD 'a-strangers';")
        place = f"127.0.0.1:{server.port}/{SERVICE}"
        urls = database_urls(SERVICE, PASSWORDS, place)
        (tmp_path / f"{SERVICE}_migration_database_url").write_text(urls.owner)
        monkeypatch.setenv(SECRETS_FOLDER, str(tmp_path))

        first, again = await migrate_all([SERVICE]), await migrate_all([SERVICE])

        assert len(first[SERVICE]) > 0
        assert again == {SERVICE: []}
        service, owner = await connect(urls.runtime), await connect(urls.owner)
        assert await service.fetchval("SELECT count(*) FROM outbox") == 0
        await service.execute(
            "INSERT INTO idempotency_keys (key, request_hash, status, answer) VALUES ('k', 'h', 200, '{}')"
        )
        for refused in ("CREATE TABLE other (id int)", "DELETE FROM audit_log", "DROP TABLE outbox"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(refused)
        assert {name: await service.fetchval(f"SHOW {name}") for name in RUNTIME_LIMITS} == RUNTIME_LIMITS
        assert {await owner.fetchval(f"SHOW {name}") for name in RUNTIME_LIMITS} == {"0"}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(f"postgresql://stranger:a-strangers@{place}")
        await service.close()
        await owner.close()
