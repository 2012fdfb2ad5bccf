"""`make down` stops a running platform, and what a killed one left."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.down import stop_all
from deploy.local.folder import ServerFolder
from deploy.local.processes import command_of

RUNNER = """
import signal, sys
from pathlib import Path
from deploy.local.postgres import LocalPostgres
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
with LocalPostgres(Path(sys.argv[1]), port=7532, settings={"fsync": "off"}):
    print("started", flush=True)
    signal.pause()
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", RUNNER, str(tmp_path / "postgres")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        while runner.stdout.readline() != "started\n":
            assert runner.poll() is None
        yield runner
        runner.kill()


def the_server_in(tmp_path: Path) -> int:
    return int((tmp_path / "postgres/data/postmaster.pid").read_text().split()[0])


def test_a_running_platform_ends_in_order(tmp_path: Path, runner: subprocess.Popen[str]) -> None:
    server = the_server_in(tmp_path)
    assert ServerFolder(tmp_path / "postgres", server="PostgreSQL").holder() == runner.pid

    stop_all(tmp_path / "postgres", tmp_path / "rabbitmq")

    assert runner.wait(timeout=10) == 0
    assert command_of(server) == ""
    assert ServerFolder(tmp_path / "postgres", server="PostgreSQL").holder() is None


def test_what_a_killed_platform_left_ends_too(tmp_path: Path, runner: subprocess.Popen[str]) -> None:
    server = the_server_in(tmp_path)
    runner.send_signal(signal.SIGKILL)
    runner.wait(timeout=10)
    assert command_of(server) != ""

    stop_all(tmp_path / "postgres", tmp_path / "rabbitmq")

    assert command_of(server) == ""


def test_where_nothing_runs_there_is_nothing_to_stop(tmp_path: Path) -> None:
    stop_all(tmp_path / "postgres", tmp_path / "rabbitmq")
    assert list(tmp_path.iterdir()) == []
