"""Migrated databases for tests: each service migrated once a run, then copied."""

import asyncio
import uuid
from collections.abc import Iterable

from deploy.layout import PACKAGES
from deploy.local.folder import ServerFolder
from deploy.local.postgres_roles import DatabaseUrls
from shared.migrations import migrate
from tests.support import servers


async def fresh_databases(services: Iterable[str]) -> dict[str, DatabaseUrls]:
    """A newly copied, empty and migrated database for each service, reached with its real roles."""
    names = list(services)
    await asyncio.to_thread(_templates, names)
    server = servers.postgres_server()
    suffix = uuid.uuid4().hex[:12]
    return {
        name: await asyncio.to_thread(server.create_database, f"{name}_{suffix}", template=name)
        for name in names
    }


def _templates(names: list[str]) -> None:
    """Migrate the template of each service that this run has not migrated yet."""
    server = servers.postgres_server()
    folder = ServerFolder(servers.run_folder() / "templates", server="The test run")
    folder.make()
    with folder.alone():
        for name in names:
            made = folder.path / f"{name}-migrated"
            if not made.exists():
                urls = server.create_database(name)
                asyncio.run(migrate(urls.owner, f"{PACKAGES[name]}.migrations"))
                made.touch()
