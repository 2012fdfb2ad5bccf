"""The databases as their owners reach them: what migrating, replaying and restoring need, and no service has (SEC15)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.home import HOME
from shared.settings import SECRETS_FOLDER, PrefixedSettings


def owner_url(name: str) -> str:
    """The URL of a service's database with its owner's rights; of this machine's shop when nothing else is set."""

    class Owner(PrefixedSettings):
        model_config = SettingsConfigDict(env_prefix=f"{name}_", extra="ignore")

        migration_database_url: SecretStr

    os.environ.setdefault(SECRETS_FOLDER, str(HOME / "secrets"))
    return Owner().migration_database_url.get_secret_value()


@asynccontextmanager
async def owner_engine(name: str) -> AsyncIterator[AsyncEngine]:
    """A service's database with its owner's rights."""
    engine = create_async_engine(owner_url(name))
    try:
        yield engine
    finally:
        await engine.dispose()
