"""``python -m deploy.migrate [service …]``: bring databases up to date, each with its owner's rights (SEC15)."""

import asyncio
import sys

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from deploy.layout import PACKAGES
from shared.migrations import migrate
from shared.settings import PrefixedSettings


async def migrate_all(names: list[str]) -> dict[str, list[str]]:
    """Migrate the databases of the named services, one after another; returns what was applied to each."""
    return {name: await migrate(_owner_url(name), f"{PACKAGES[name]}.migrations") for name in names}


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
