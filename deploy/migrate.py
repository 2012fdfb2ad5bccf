"""``python -m deploy.migrate [service …]``: bring databases up to date, each with its owner's rights (SEC15)."""

import asyncio
import sys

from sqlalchemy import text

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import rights
from deploy.owners import owner_engine, owner_url
from shared.migrations import migrate


async def migrate_all(names: list[str]) -> dict[str, list[str]]:
    """Migrate the databases of the named services, one after another; returns what was applied to each."""
    return {name: await _migrate(name) for name in names}


async def _migrate(name: str) -> list[str]:
    async with owner_engine(name) as engine, engine.begin() as connection:
        for statement in rights(name):
            await connection.execute(text(statement))
    return await migrate(owner_url(name), f"{PACKAGES[name]}.migrations")


def main() -> None:
    """Migrate the services named on the command line, or all."""
    names = sys.argv[1:] or list(PACKAGES)
    for name, applied in asyncio.run(migrate_all(names)).items():
        print(f"{name}: {', '.join(applied) if applied else 'up to date'}", flush=True)


if __name__ == "__main__":
    main()
