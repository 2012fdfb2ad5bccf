"""A database with the kernel's tables, for tests of the kernel by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.folder import ServerFolder
from deploy.local.postgres_roles import DatabaseUrls
from shared.database import create_engine
from shared.migrations import migrate
from tests.support import servers

PACKAGE = "tests.support.kernel_migrations"
TEMPLATE = "kernel"


async def kernel_database() -> DatabaseUrls:
    """A fresh database with the kernel's tables, reached with its real roles."""
    return await asyncio.to_thread(_copy)


@asynccontextmanager
async def kernel_engine(
    urls: DatabaseUrls, *, name: str = "kernel", pool_size: int = 10
) -> AsyncIterator[AsyncEngine]:
    """An engine as a service has it, as the runtime role."""
    engine = create_engine(urls.runtime, application_name=name, pool_size=pool_size)
    try:
        yield engine
    finally:
        await engine.dispose()


def _copy() -> DatabaseUrls:
    server = servers.postgres_server()
    folder = ServerFolder(servers.run_folder() / "templates", server="The test run")
    folder.make()
    with folder.alone():
        made = folder.path / f"{TEMPLATE}-migrated"
        if not made.exists():
            urls = server.create_database(TEMPLATE)
            asyncio.run(migrate(urls.owner, PACKAGE))
            made.touch()
    return server.create_database(f"{TEMPLATE}_{uuid.uuid4().hex[:12]}", template=TEMPLATE)


async def scalar(engine: AsyncEngine, query: str, **parameters: object) -> object:
    """The one value of a query."""
    async with engine.connect() as connection:
        return (await connection.execute(text(query), parameters)).scalar_one()


async def execute(engine: AsyncEngine, statement: str, **parameters: object) -> None:
    """Run one statement and commit it."""
    async with engine.begin() as connection:
        await connection.execute(text(statement), parameters)
