"""A copy of the runner is a process as good as one of its own: nothing of the runner or of its siblings is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local.home import PROJECT

RUNNER = """
import os, signal, sys, time
from pathlib import Path
from deploy.local import children, forking
from deploy.local.children import Child
from deploy.local.folder import ServerFolder
from deploy.local.signals import stop_on_signals

folder = Path(sys.argv[1])
children.CHILDREN = folder / "children"
forking.import_platform = lambda: None
"""

TWO_SERVICES = """
held = ServerFolder(folder / "held", server="A server")
held.hold()
with stop_on_signals():
    tellers = [
        Child(name, "tests.support.teller", {f"{name.upper()}_KEY": "x", "TELLER_CODE": code}, folder, launch=forking.fork)
        for name, code in (("order", "0"), ("payment", "7"))
    ]
    for teller in tellers:
        teller.start()
    sleeper = Child("sleeper", "tests.support.sleeper", {}, folder, launch=forking.fork)
    sleeper.start()
    for teller in tellers:
        assert forking.wait_until(lambda: teller.pid is None, seconds=5)
    held.release()
    again = ServerFolder(folder / "held", server="A server")
    assert forking.wait_until(lambda: again.holder() is None, seconds=5), "a copy holds what the runner let go of"
    tellers[1].revive(print)
    sleeper.ask_to_stop()
    sleeper.wait_stopped()
    assert sleeper.pid is None
"""

DIES_AND_LIVES_AGAIN = """
sleeper = Child("sleeper", "tests.support.sleeper", {}, folder, launch=forking.fork)
other = Child("other", "tests.support.sleeper", {}, folder, launch=forking.fork)
sleeper.start()
other.start()
first, beside = sleeper.pid, other.pid
os.kill(first, signal.SIGKILL)
assert forking.wait_until(lambda: sleeper.pid is None, seconds=5)
sleeper.revive(print)
other.revive(print)
assert sleeper.pid not in (None, first)
assert other.pid == beside
for child in (sleeper, other):
    child.ask_to_stop()
    child.wait_stopped()
"""

BREAKS = """
child = Child("broken", "tests.support.no_such_module", {}, folder, launch=forking.fork)
child.start()
assert forking.wait_until(lambda: child.pid is None, seconds=5)
child.check_alive()
"""

WHOLE = """
import gc, os
from deploy.local import forking
forking.import_platform()
print(len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))[:-1], gc.get_freeze_count() > 100_000)
"""


def played(scene: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Only a process with one thread may be copied, which that of the tests is not."""
    return subprocess.run(
        [sys.executable, "-c", scene, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": ".", "RUNNERS_OWN": "x"},
    )


def told(folder: Path, name: str) -> dict[str, Any]:
    """The first thing a teller wrote into its log."""
    answer: dict[str, Any] = json.loads((folder / f"{name}.log").read_text().splitlines()[0])
    return answer


def test_each_has_its_own_settings_log_session_and_exit_code(tmp_path: Path) -> None:
    runner = played(RUNNER + TWO_SERVICES, tmp_path)
    assert runner.returncode == 0, runner.stderr
    assert runner.stdout.startswith("payment ended (exit 7) and is started again")
    for name, code in (("order", "0"), ("payment", "7")):
        assert told(tmp_path, name) == {
            "environment": {
                "PATH": os.environ["PATH"],
                "HOME": os.environ["HOME"],
                f"{name.upper()}_KEY": "x",
                "TELLER_CODE": code,
            },
            "folder": str(PROJECT),
            "leads_its_session": True,
            "files": [0, 1, 2],
            "threads": 1,
            "ends_by_sigterm": True,
            "blocked": [],
        }


def test_one_that_is_killed_lives_again_and_no_other_is_touched(tmp_path: Path) -> None:
    runner = played(RUNNER + DIES_AND_LIVES_AGAIN, tmp_path)
    assert runner.returncode == 0, runner.stderr
    assert runner.stdout == f"sleeper ended (exit -9) and is started again; see {tmp_path}/sleeper.log\n"


def test_the_last_words_of_one_that_fails_are_in_its_log(tmp_path: Path) -> None:
    runner = played(RUNNER + BREAKS, tmp_path)
    assert "broken does not start:" in runner.stderr
    assert "ModuleNotFoundError: No module named 'tests.support.no_such_module'" in runner.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_importing_the_platform_starts_no_thread_and_opens_no_file(tmp_path: Path) -> None:
    runner = played(WHOLE, tmp_path)
    assert runner.stdout == "1 ['0', '1', '2'] True\n", runner.stderr
