"""Processes that a runner starts and watches: each with a log of its own, started again when it dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.folder import LocalServerError
from deploy.local.home import CHILDREN, PROJECT
from deploy.local.processes import end_process

STOP_SECONDS = 30.0
RESTART_PAUSE_SECONDS = 0.5


class Child:
    """One ``python -m module`` with its environment."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self._module = module
        self._environment = dict(environment)
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process number, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; a signal to the runner's terminal does not reach it."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=PROJECT,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": os.environ.get("HOME", "/"),
                    **self._environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        CHILDREN.mkdir(parents=True, exist_ok=True)
        (CHILDREN / self.name).write_text(f"{self._process.pid}\n{self._module}")

    def revive(self, say: Callable[[str], None]) -> None:
        """Start the process again when it has died."""
        if self._process is not None and self._process.poll() is not None:
            say(f"{self.name} ended (exit {self._process.returncode}) and is started again; see {self._log}")
            time.sleep(RESTART_PAUSE_SECONDS)
            self.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.pid is not None and self._process is not None:
            self._process.terminate()

    def wait_stopped(self) -> None:
        """Wait for its end; by force after 30 s."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        (CHILDREN / self.name).unlink(missing_ok=True)

    def check_alive(self) -> None:
        """Raises LocalServerError, with its last words, when the process has ended."""
        if self._process is not None and self._process.poll() is not None:
            words = "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
            raise LocalServerError(f"{self.name} does not start:\n{words}")


def stop_all(children: Sequence[Child]) -> None:
    """Stop processes in the order given, all at once."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_stopped()


def end_leftovers() -> None:
    """End the children of a runner that was killed before it could stop them."""
    for note in sorted(CHILDREN.glob("*")):
        pid, module = note.read_text().split("\n")
        end_process(int(pid), mark=f"-m {module}", by=signal.SIGTERM)
        note.unlink()
