"""Full mode: RabbitMQ, and a process for each app and worker: the same journey, and what becomes of who is killed."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.layout import PROCESSES
from deploy.local.processes import command_of, wait_until

PORT = 18080
READY_SECONDS = 120.0

pytestmark = pytest.mark.xdist_group("full mode")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of one shop, which these tests open in turn."""
    home = tmp_path_factory.mktemp("full") / "jishi"
    return os.environ | {"JISHI_HOME": str(home), "JISHI_PORT": str(PORT)}


@contextmanager
def running(environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`make up-local`, once all is up; stopped at the end if it still runs."""
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.up"], env=environment, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: up.poll() is not None or "is up" in log.read_text(), seconds=READY_SECONDS)
        assert "is up" in log.read_text(), log.read_text()
        yield up
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)
            assert up.wait(60) == 0


def children(environment: Mapping[str, str]) -> dict[str, int]:
    """The process numbers of what the runner started, by name."""
    notes = (Path(environment["JISHI_HOME"]) / "children").iterdir()
    return {note.name: int(note.read_text().split("\n", 1)[0]) for note in notes}


def answers() -> bool:
    """Whether a page of products, which needs the gateway and the catalog, is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/products", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_journey_goes_as_it_should_over_rabbitmq_and_fourteen_processes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with running(environment, tmp_path / "up.log"):
        played = subprocess.run(
            [sys.executable, "-m", "demo.journey"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert played.returncode == 0, played.stdout + played.stderr
        assert "The whole journey went as it should" in played.stdout


def test_a_killed_process_is_started_again_and_the_end_of_the_runner_is_that_of_all(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "up.log"
    with running(environment, log):
        before = children(environment)
        assert before.keys() == {process.name for process in PROCESSES} | {"simulator"}
        os.kill(before["catalog"], signal.SIGKILL)
        assert wait_until(lambda: children(environment)["catalog"] != before["catalog"], seconds=10)
        assert wait_until(answers, seconds=20)
        after = children(environment)
        assert {name for name in after if after[name] != before[name]} == {"catalog"}
    assert "catalog ended (exit -9) and is started again" in log.read_text()
    assert not any(command_of(pid) for pid in after.values())


def test_what_a_killed_runner_leaves_lives_on_until_it_is_told_to_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with running(environment, tmp_path / "up.log") as up:
        left = children(environment)
        up.kill()
        up.wait()
        assert answers()
        assert all(command_of(pid) for pid in left.values())
        subprocess.run([sys.executable, "-m", "deploy.local.down"], env=environment, timeout=120, check=True)
        assert not any(command_of(pid) for pid in left.values())
        assert not answers()
