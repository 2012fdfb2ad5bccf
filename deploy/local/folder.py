"""A local server's own folder: who holds it, which port it took, and the passwords made for it."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class LocalServerError(RuntimeError):
    """A local server cannot be had or started; the message is a sentence that says what to do."""


class ServerFolder:
    """What a server keeps between starts, readable by its owner only (SEC15)."""

    def __init__(self, path: Path, *, server: str) -> None:
        self.path = path.resolve()
        self.server = server
        self._hold: IO[str] | None = None

    def make(self) -> None:
        """Make the folder; raises LocalServerError when it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "lock").touch(mode=0o600)
        except OSError as error:
            raise LocalServerError(
                f"{self.server} cannot write to its folder {self.path} ({error.strerror}). "
                "Give this user the folder, or choose another one."
            ) from error

    def hold(self) -> None:
        """Hold the folder until release() or this process's end; raises LocalServerError when another one does."""
        if self._hold is not None:
            return
        self.make()
        lock = (self.path / "lock").open("r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip()
            lock.close()
            raise LocalServerError(
                f"{self.server} already runs on {self.path} (port {self.port}), started by process {holder}. "
                "Use that one, or stop it first with Ctrl-C where it runs."
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        self._hold = lock

    def holder(self) -> int | None:
        """The process that holds the folder; None when nobody does."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return self.number("lock")
        return None

    def release(self) -> None:
        """Let others hold the folder."""
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    @property
    def port(self) -> int | None:
        """The port taken at the last start, tried first at the next."""
        return self.number("port")

    @port.setter
    def port(self, port: int) -> None:
        self.write("port", str(port))

    def number(self, name: str) -> int | None:
        """The number on the first line of a file here, as a port or pid file has it; None without one."""
        try:
            return int((self.path / name).read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def write(self, name: str, text: str) -> Path:
        """Write a file of this folder whole or not at all, for its owner only."""
        path, new = self.path / name, self.path / f"{name}.new"
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        return path

    def passwords(self, names: Iterable[str]) -> dict[str, str]:
        """The password of each name, made on first demand and kept in `passwords.json`."""
        path = self.path / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = {name: known.get(name) or secrets.token_urlsafe(24) for name in names}
        if not wanted.items() <= known.items():
            self.write("passwords.json", json.dumps(known | wanted, indent=1))
        return wanted

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Do something while no other process does so in this folder."""
        with (self.path / "alone").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
