"""Processes that begin as copies of the runner: the platform's code is imported once, and its memory is one for all.

Importing takes 2 s of CPU and 110 MB; fourteen copies share both. A copy has an environment, a session, a log and an exit
code of its own, and none of the runner's open files. It is the runner's child, so there is no third process whose end
could take others along. Only a process with a single thread may be copied.
"""

import importlib
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

from deploy.local.home import PROJECT
from deploy.local.importing import PLATFORM, import_for_good
from deploy.local.processes import wait_until

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAME = Path("/proc/self/comm")
"""Where Linux keeps the name that ps, top and pgrep show: 15 characters of it."""


class Forked:
    """A copy that was started, seen as `subprocess.Popen` lets one see a program."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        if not wait_until(lambda: self.poll() is not None, seconds=timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def fork(name: str, module: str, environment: Mapping[str, str], log: Path) -> Forked:
    """Start the ``main`` of a module in a copy of this process."""
    import_platform()
    if threading.active_count() > 1:
        raise RuntimeError("a process with several threads must not be copied")
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    pid = os.fork()
    if pid == 0:
        _become(name, module, environment, log)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:  # asked to stop meanwhile: nobody would know of the copy
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return Forked(pid)


@cache
def import_platform() -> None:
    """Import what any of them needs, once."""
    import_for_good((*PLATFORM, "simulator.__main__"))


def _become(name: str, module: str, environment: Mapping[str, str], log: Path) -> NoReturn:
    """Be that process until its end; the runner's own frames, which are below, are never returned to."""
    code = 1
    try:
        os.setsid()
        _let_go(log)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        if NAME.exists():
            NAME.write_text(name)
        os.chdir(PROJECT)
        os.environ.clear()
        os.environ.update(environment)
        importlib.import_module(module).main()
        code = 0
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_code(end: SystemExit) -> int:
    """What Python makes of it: the last words of a process stand in its log."""
    if isinstance(end.code, str):
        print(end.code, file=sys.stderr)
        return 1
    return end.code or 0


def _let_go(log: Path) -> None:
    """Write to the log, and hold none of the runner's files: a folder's lock lasts while any copy holds its file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
