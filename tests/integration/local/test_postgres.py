"""The local PostgreSQL: quick to start, hard to break, and clear about what is in its way."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local import ports
from deploy.local.folder import LocalServerError
from deploy.local.ports import Revival
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_binaries import Binaries, find_binaries, installed_binaries
from deploy.local.processes import command_of, free_port, is_free, wait_until

SERVICES = ["catalog", "order", "payment", "member", "campaign", "analytics"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a shop's data"
    yield folder
    LocalPostgres(folder).stop()


def a_server(folder: Path) -> LocalPostgres:
    return LocalPostgres(folder, port=7532, settings={"fsync": "off"})


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)


def the_postmaster_of(folder: Path) -> int:
    return int((folder / "data/postmaster.pid").read_text().split()[0])


def test_a_shop_has_its_databases_within_seconds_and_the_next_time_at_once(folder: Path) -> None:
    began = time.monotonic()
    with LocalPostgres(folder, port=7532) as server:
        urls = server.ensure(SERVICES)
        cold_seconds = time.monotonic() - began
    began = time.monotonic()
    with LocalPostgres(folder, port=7532) as server:
        warm_seconds = time.monotonic() - began
        assert server.ensure(SERVICES) == urls
    assert list(urls) == SERVICES
    # About 1 s and 0.04 s by themselves; the machine may be doing other things.
    assert cold_seconds < 10
    assert warm_seconds < 2


def test_a_stopped_server_leaves_no_process_and_lets_others_have_the_folder(folder: Path) -> None:
    first = a_server(folder)
    first.start()
    pid = the_postmaster_of(folder)
    assert first.running
    first.stop()
    assert not first.running
    assert command_of(pid) == ""
    with a_server(folder) as second:
        assert second.sql("SELECT 1;") == "1"


async def test_a_service_changes_rows_but_never_tables(folder: Path) -> None:
    with a_server(folder) as server:
        urls = server.ensure(["order", "member"])
        owner = await connect(urls["order"].owner)
        await owner.execute("CREATE TABLE orders (id bigserial PRIMARY KEY, total_fen bigint NOT NULL)")
        await owner.close()

        service = await connect(urls["order"].runtime)
        await service.execute("INSERT INTO orders (total_fen) VALUES (1999), (500)")
        await service.execute("UPDATE orders SET total_fen = 2999 WHERE id = 1")
        await service.execute("DELETE FROM orders WHERE id = 2")
        assert await service.fetchval("SELECT total_fen FROM orders") == 2999
        for statement in (
            "CREATE TABLE other (id int)",
            "CREATE TEMP TABLE other (id int)",
            "CREATE SCHEMA other",
            "ALTER TABLE orders ADD COLUMN note text",
            "TRUNCATE orders",
            "DROP TABLE orders",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
        assert await service.fetchval("SELECT count(*) FROM orders") == 1
        await service.close()


async def test_a_service_reaches_its_own_database_only(folder: Path) -> None:
    with a_server(folder) as server:
        urls = server.ensure(["order", "member"])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(urls["order"].runtime.replace("/order", "/member").replace("//member:", "//order:"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await connect(re.sub(":[^:@]+@", ":guess@", urls["order"].runtime))


async def test_a_service_waits_for_nothing_longer_than_its_limits(folder: Path) -> None:
    with a_server(folder) as server:
        urls = server.ensure(["order"])
        service, owner = await connect(urls["order"].runtime), await connect(urls["order"].owner)
        names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
        assert [await service.fetchval(f"SHOW {name}") for name in names] == ["5s", "2s", "30s"]
        assert [await owner.fetchval(f"SHOW {name}") for name in names] == ["0", "0", "0"]
        await service.close()
        await owner.close()


def test_passwords_are_for_their_owner_only(folder: Path) -> None:
    with a_server(folder) as server:
        server.ensure(["order"])
        assert (folder / "passwords.json").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        assert "trust" not in [
            line.split()[-1]
            for line in (folder / "data/pg_hba.conf").read_text().splitlines()
            if line.startswith("host")
        ]


def test_rows_outlive_a_killed_server(folder: Path) -> None:
    with LocalPostgres(folder, port=7532) as server:
        server.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n;")
        os.kill(the_postmaster_of(folder), signal.SIGKILL)
        assert wait_until(lambda: not server.running, seconds=5)
        port = server.port
        server.start()
        assert server.sql("SELECT count(*) FROM kept;") == "1000"
        assert server.port == port


async def test_a_server_that_died_comes_back_where_its_clients_look_for_it_once_the_port_is_free(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "LEFTOVERS_SECONDS", 0.1)
    said: list[str] = []
    with a_server(folder) as server:
        url, port = server.ensure(["order"])["order"].runtime, server.port
        revival = Revival("PostgreSQL", runs=lambda: server.running, start=server.start)
        revival.revive(said.append)
        assert said == []
        os.kill(the_postmaster_of(folder), signal.SIGKILL)
        assert wait_until(lambda: not server.running and is_free(port), seconds=5)

        with socket.create_server(("127.0.0.1", port)):
            for _ in range(2):
                revival.revive(said.append)
                assert not server.running
        assert said == [
            "PostgreSQL ended and is started again",
            f"PostgreSQL waits for port {port}, where its clients look for it, and which another process has taken. "
            "Stop that one.",
        ]

        revival.revive(said.append)
        assert len(said) == 2
        assert server.running
        await (await connect(url)).close()


def test_a_server_whose_supervisor_was_killed_is_taken_over(folder: Path) -> None:
    supervisor = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from deploy.local.postgres import LocalPostgres\n"
            "server = LocalPostgres(Path(sys.argv[1]), port=7532); server.start(); time.sleep(60)",
            str(folder),
        ]
    )
    try:
        assert wait_until(lambda: "ready" in _pid_file_of(folder), seconds=20)
        left_behind = the_postmaster_of(folder)
        said: list[str] = []
        server = LocalPostgres(folder, port=7532, say=said.append)
        with pytest.raises(
            LocalServerError, match=rf"already runs on .* started by process {supervisor.pid}\."
        ):
            server.start()
    finally:
        supervisor.kill()
        supervisor.wait()
    with server:
        assert said == [f"Taking over from a PostgreSQL that was left running (process {left_behind})"]
        assert the_postmaster_of(folder) != left_behind
        assert server.sql("SELECT 1;") == "1"


def _pid_file_of(folder: Path) -> str:
    path = folder / "data/postmaster.pid"
    return path.read_text() if path.exists() else ""


def test_a_stale_pid_file_that_names_another_live_process_is_no_obstacle(folder: Path) -> None:
    with a_server(folder) as server:
        port = server.port
        pid_file = _pid_file_of(folder)
    somebody = subprocess.Popen(["sleep", "60"])
    try:
        stale = pid_file.replace(pid_file.split("\n")[0], str(somebody.pid), 1)
        (folder / "data/postmaster.pid").write_text(stale)
        with a_server(folder) as server:
            assert server.sql("SELECT 1;") == "1"
            assert server.port == port
        assert somebody.poll() is None
    finally:
        somebody.kill()
        somebody.wait()


def test_a_port_that_another_process_holds_is_left_to_it(folder: Path) -> None:
    said: list[str] = []
    port = free_port(7532)
    with (
        socket.create_server(("127.0.0.1", port)),
        LocalPostgres(folder, port=port, settings={"fsync": "off"}, say=said.append) as server,
    ):
        instead = server.port
        assert instead > port
        assert f"Port {port} is in use by another process: PostgreSQL takes port {instead}" in said
        assert server.sql("SELECT 1;") == "1"
    with LocalPostgres(folder, port=port, say=said.append) as server:
        assert server.port == instead, "a shop's addresses stay the same once chosen"


def test_when_every_port_is_taken_the_range_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", free_port(7532))) as other,
        pytest.raises(LocalServerError, match=r"Every port from (\d+) to \1 is in use\."),
    ):
        free_port(other.getsockname()[1], tries=1)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("data/global/pg_control", "is broken: pg_control is missing"),
        ("data/PG_VERSION", "is broken: PG_VERSION is missing"),
        ("passwords.json", "is broken: passwords.json is missing"),
    ],
)
def test_broken_data_is_named_and_left_alone(folder: Path, part: str, sentence: str) -> None:
    with a_server(folder):
        pass
    (folder / part).unlink()
    before = sorted(folder.rglob("*"))
    with pytest.raises(LocalServerError, match=sentence):
        a_server(folder).start()
    assert sorted(folder.rglob("*")) == before


def test_data_of_another_major_version_is_named_and_left_alone(folder: Path) -> None:
    with a_server(folder):
        pass
    (folder / "data/PG_VERSION").write_text("12\n")
    major = find_binaries().major
    with pytest.raises(
        LocalServerError, match=rf"was made by PostgreSQL 12, but the programs found are version {major} "
    ):
        a_server(folder).start()
    assert (folder / "data/base").exists()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new/PG_VERSION").write_text("18\n")
    with a_server(folder) as server:
        assert server.sql("SELECT 1;") == "1"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        LocalServerError, match=r"PostgreSQL cannot write to its folder .*/file/postgres \(.+\)\."
    ):
        a_server(tmp_path / "file/postgres").start()


def test_a_configured_folder_without_programs_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JISHI_POSTGRES_BIN", "/nowhere")
    with pytest.raises(
        LocalServerError, match="JISHI_POSTGRES_BIN names /nowhere, where no PostgreSQL 15 or newer"
    ):
        a_server(folder).start()


@pytest.mark.parametrize("binaries", list(installed_binaries()), ids=lambda binaries: f"{binaries.major}")
def test_every_installed_postgresql_will_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, binaries: Binaries
) -> None:
    monkeypatch.setenv("JISHI_POSTGRES_BIN", str(binaries.folder))
    with a_server(folder) as server:
        server.ensure(["order"])
        assert server.sql("SHOW server_version_num;").startswith(str(binaries.major))
        assert server.sql("CREATE EXTENSION pg_trgm; SELECT show_trgm('手机壳') <> '{}';") == "t"
