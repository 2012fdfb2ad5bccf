"""``python -m deploy.migrate [service …]``: bring databases up to date, each with its owner's rights (SEC15)."""

import asyncio
import sys

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import rights
from shared.migrations import migrate
from shared.settings import PrefixedSettings


async def migrate_all(names: list[str]) -> dict[str, list[str]]:
    """Migrate the databases of the named services, one after another; returns what was applied to each."""
    return {name: await _migrate(name) for name in names}


async def _migrate(name: str) -> list[str]:
    url = _owner_url(name)
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in rights(name):
                await connection.execute(text(statement))
    finally:
        await engine.dispose()
    return await migrate(url, f"{PACKAGES[name]}.migrations")


def _owner_url(name: str) -> str:
    class Owner(PrefixedSettings):
        model_config = SettingsConfigDict(env_prefix=f"{name}_", extra="ignore")

        migration_database_url: SecretStr

    return Owner().migration_database_url.get_secret_value()


def main() -> None:
    """Migrate the services named on the command line, or all."""
    names = sys.argv[1:] or list(PACKAGES)
    for name, applied in asyncio.run(migrate_all(names)).items():
        print(f"{name}: {', '.join(applied) if applied else 'up to date'}", flush=True)


if __name__ == "__main__":
    main()
