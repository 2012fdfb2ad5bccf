"""What a runner starts ends with it, or at the next start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import children
from deploy.local.children import Child, end_leftovers, spawn
from deploy.local.processes import command_of, wait_until

SLEEPER = "tests.support.sleeper"

RUNNER = """
import sys, time
from pathlib import Path
from deploy.local import forking
from deploy.local.children import Child, spawn
forking.import_platform = lambda: None
launch = {"spawn": spawn, "fork": forking.fork}[sys.argv[2]]
Child("sleeper", "tests.support.sleeper", {}, Path(sys.argv[1]), launch=launch).start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own."""
    monkeypatch.setattr(children, "CHILDREN", tmp_path / "children")
    monkeypatch.setenv("JISHI_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("launch", ["spawn", "fork"])
def test_children_of_a_killed_runner_are_ended_at_the_next_start(folder: Path, launch: str) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(folder), launch],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == b"started\n"
    pid = int((folder / "children" / "sleeper").read_text().split("\n")[0])
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert command_of(pid)

    end_leftovers()

    assert not command_of(pid)
    assert list((folder / "children").iterdir()) == []


@pytest.mark.parametrize("born", ["", "<born at 1 of another time>"])
def test_a_number_that_now_is_somebody_elses_process_is_left_alone(folder: Path, born: str) -> None:
    (folder / "children").mkdir()
    (folder / "children" / "sleeper").write_text(f"{os.getpid()}\n{born}")
    end_leftovers()
    assert list((folder / "children").iterdir()) == []


def test_a_child_that_dies_is_started_again(folder: Path) -> None:
    child = Child("sleeper", SLEEPER, {}, folder, launch=spawn)
    child.start()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: child.pid is None, seconds=5)
    said: list[str] = []
    child.revive(said.append)
    assert child.pid not in (None, first)
    assert "sleeper ended" in said[0]
    child.ask_to_stop()
    child.wait_stopped()
    assert child.pid is None
