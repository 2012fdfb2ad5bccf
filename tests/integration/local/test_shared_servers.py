"""The servers that a test run shares among its workers."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from deploy.local.processes import command_of
from shared.ids import new_id
from tests.support import servers


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)


async def test_a_copy_of_a_database_has_its_tables_and_is_reached_by_its_roles(
    postgres_server: servers.PostgresServer,
) -> None:
    template, copy = f"template_{new_id().hex}", f"copy_{new_id().hex}"
    owner = await connect(postgres_server.create_database(template).owner)
    await owner.execute("CREATE TABLE orders (total_fen bigint NOT NULL); INSERT INTO orders VALUES (1999)")
    await owner.close()

    service = await connect(postgres_server.create_database(copy, template=template).runtime)
    await service.execute("UPDATE orders SET total_fen = total_fen + 1")
    assert await service.fetchval("SELECT total_fen FROM orders") == 2000
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("DROP TABLE orders")

    postgres_server.drop_database(copy)
    assert service.is_closed() or await was_cut_off(service)
    assert postgres_server.postgres.sql(f"SELECT datname FROM pg_database WHERE datname = '{copy}';") == ""
    postgres_server.drop_database(template)


async def was_cut_off(connection: asyncpg.Connection) -> bool:
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError)):
        await connection.fetchval("SELECT 1")
    return True


def test_what_a_crashed_run_left_is_cleared_by_the_next() -> None:
    crashed = a_run("servers.postgres_server(); os.kill(os.getpid(), 9)")
    left = servers.RUNS / f"run-{crashed.pid}"
    server = int((left / "postgres/data/postmaster.pid").read_text().split()[0])
    assert command_of(server) != ""

    a_run("servers.close_run()")

    assert command_of(server) == ""
    assert not left.exists()


def a_run(statements: str) -> subprocess.Popen[bytes]:
    """A test run in a process of its own, up to its end."""
    script = (
        f"import os; from tests.support import servers  # as pytest does\nservers.open_run(); {statements}"
    )
    root = Path(__file__).resolve().parents[3]
    environment = {name: value for name, value in os.environ.items() if name != servers.RUN_VARIABLE}
    process = subprocess.Popen([sys.executable, "-c", script], cwd=root, env=environment)
    process.wait(timeout=60)
    return process
