"""Processes that a runner starts and watches: each with a log of its own, started again when it dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deploy.local.folder import LocalServerError
from deploy.local.home import CHILDREN
from deploy.local.processes import birth_of, end_process, start_process

STOP_SECONDS = 30.0
RESTART_PAUSE_SECONDS = 0.5


class Started(Protocol):
    """What a child needs of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float, /) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Launch = Callable[[str, str, Mapping[str, str], Path], Started]
"""Starts the ``main`` of a module in a session of its own, given the child's name, the module, environment and log."""


def spawn(name: str, module: str, environment: Mapping[str, str], log: Path) -> Started:
    """Start ``python -m module``, which imports everything by itself."""
    return start_process([sys.executable, "-m", module], log=log, environment=environment)


class Child:
    """One process of a module, with an environment of its own."""

    def __init__(
        self, name: str, module: str, environment: Mapping[str, str], logs: Path, *, launch: Launch
    ) -> None:
        self.name = name
        self._module = module
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            **environment,
        }
        self._log = logs / f"{name}.log"
        self._launch = launch
        self._process: Started | None = None

    @property
    def pid(self) -> int | None:
        """The process number, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; a signal to the runner's terminal does not reach it."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._launch(self.name, self._module, self._environment, self._log)
        CHILDREN.mkdir(parents=True, exist_ok=True)
        pid = self._process.pid
        note = CHILDREN.with_suffix(".new")
        note.write_text(f"{pid}\n{birth_of(pid)}")
        note.replace(CHILDREN / self.name)

    def revive(self, say: Callable[[str], None]) -> None:
        """Start the process again when it has died."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            say(f"{self.name} ended (exit {code}) and is started again; see {self._log}")
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
            self._process.wait(STOP_SECONDS)
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
        pid, _, birth = note.read_text().partition("\n")
        if birth:  # not of one that ended at once
            end_process(int(pid), mark=birth, by=signal.SIGTERM)
        note.unlink()
