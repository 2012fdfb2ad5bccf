"""A PostgreSQL whose tables lie on a small disk of their own, which a test fills and empties again (4.D).

The disk is a mount that only the server sees, in a user namespace: nothing of the machine is mounted or filled. The
server's journal lies elsewhere, as a server's journal should: without room for that it stops.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import postgres
from deploy.local.folder import LocalServerError
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_data import NOBODY
from deploy.local.postgres_roles import DatabaseUrls
from shared.migrations import migrate

MOUNTING = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = 'mount -t tmpfs -o size="$1" jishi-test "$2" && shift 2 && exec "$@"'

TABLES_GO_TO = """
CREATE TABLESPACE small LOCATION '{}';
GRANT CREATE ON TABLESPACE small TO PUBLIC;
ALTER SYSTEM SET default_tablespace = 'small';
SELECT pg_reload_conf();
"""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """The server, its disk, and the databases whose tables lie on it."""

    server: LocalPostgres
    databases: Mapping[str, DatabaseUrls]
    folder: Path

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """The disk without any room, so that no table can grow; with room again after the block."""
        ballast = self.folder / "ballast"
        rows = "SELECT repeat('x', 8000) FROM generate_series(1, 100000)"
        with pytest.raises(LocalServerError, match="No space left on device"):
            await asyncio.to_thread(self.server.sql, f"COPY ({rows}) TO '{ballast}';")
        try:
            yield
        finally:
            await asyncio.to_thread(self.server.sql, f"COPY (SELECT) TO '{ballast}';")


@asynccontextmanager
async def small_disk(
    folder: Path, migrations: Mapping[str, str], *, megabytes: int
) -> AsyncIterator[SmallDisk]:
    """A server with a migrated database on the small disk for each of these packages of migrations."""
    disk = folder / "disk"
    disk.mkdir()
    _skip_where_nobody_may_mount(disk)
    server = LocalPostgres(folder / "server", port=7760, settings={"fsync": "off", "max_connections": "300"})
    with pytest.MonkeyPatch.context() as patch:
        prefix = (*MOUNTING, MOUNT, "sh", f"{megabytes}m", str(disk), *NOBODY)
        patch.setattr(postgres, "as_nobody", lambda: prefix)
        await asyncio.to_thread(server.start)
    try:
        databases = server.ensure(migrations)
        server.sql(TABLES_GO_TO.format(disk))
        for name, package in migrations.items():
            await migrate(databases[name].owner, package)
        yield SmallDisk(server, databases, disk)
    finally:
        await asyncio.to_thread(server.stop)


def _skip_where_nobody_may_mount(disk: Path) -> None:
    command = [*MOUNTING, MOUNT, "sh", "1m", str(disk), "true"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=10)
    if tried.returncode:
        pytest.skip(f"this machine mounts no disk in a user namespace: {tried.stderr.strip()}")
