"""A private PostgreSQL server for one machine, from a folder of binaries and a folder of data."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.ports import LEFTOVERS_SECONDS, ServerPort
from deploy.local.postgres_binaries import Binaries, find_binaries
from deploy.local.postgres_data import as_nobody, check_data, make_data
from deploy.local.postgres_roles import DatabaseUrls, database_urls, owner_of, provision
from deploy.local.processes import command_of, end_process, start_process, wait_until

SUPERUSER = "postgres"
DEFAULT_PORT = 8432
RECOVERY_SECONDS = 600.0  # a crash recovery reads all the journal since the last checkpoint

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "shared_preload_libraries": "pg_stat_statements",
    "jit": "off",
    "log_statement": "none",
    "log_min_error_statement": "panic",  # a failing statement may hold personal data
    "timezone": "UTC",
}


class LocalPostgres:
    """One server on `folder`: loopback only, password-protected, as an ordinary user even when started by root."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = DEFAULT_PORT,
        settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self._folder = ServerFolder(folder, server="PostgreSQL")
        self._settings = SETTINGS | dict(settings or {})
        self._say = say
        self._port = ServerPort(self._folder, first=port, say=say)
        self._data = self._folder.path / "data"
        self._log = self._folder.path / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The loopback port the server listens on, as recorded at its start."""
        port = self._folder.port
        if port is None:
            raise LocalServerError(f"No PostgreSQL was ever started on {self._folder.path}.")
        return port

    @property
    def running(self) -> bool:
        """Whether the server this object started still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, making its data first if there is none; raises LocalServerError with what to do.

        Once it has run its port stays, for clients know it: a later start raises PortHeld while another process has it.
        """
        if self.running:
            return
        binaries = self._binaries
        self._process = None
        self._folder.hold()
        try:
            if self._data.exists():
                check_data(self._data, binaries, passwords=self._folder.path / "passwords.json")
            else:
                self._say(f"Making a PostgreSQL {binaries.major} database in {self._data}")
                self._make_data(binaries)
            self._clear_the_way()
            self._launch(binaries)
        except BaseException:
            self.stop()
            raise
        self._port.keep()

    def stop(self) -> None:
        """Shut the server down in order, whichever process started it; nothing to do when it does not run."""
        self._stop_server()
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._folder.release()

    def ensure(self, services: Iterable[str]) -> dict[str, DatabaseUrls]:
        """A database, an owner role and a run-time role for each service; made where missing (SEC15)."""
        names = list(services)
        with self._folder.alone():
            passwords = self._folder.passwords([role for name in names for role in (name, owner_of(name))])
            self.sql(provision(passwords, names))
        return {name: self.urls(name, roles_of=name) for name in names}

    def urls(self, database: str, *, roles_of: str) -> DatabaseUrls:
        """How the roles of service `roles_of` reach a database."""
        passwords = self._folder.passwords([roles_of, owner_of(roles_of)])
        return database_urls(roles_of, passwords, f"127.0.0.1:{self.port}/{database}")

    def sql(self, script: str) -> str:
        """Run a psql script as superuser, one line of output a row; raises LocalServerError with its first error."""
        options = ("-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
        return self.run_program("psql", *options, script=script, seconds=120)

    def run_program(
        self, name: str, *arguments: str | Path, script: str | None = None, seconds: float | None = None
    ) -> str:
        """Run one of PostgreSQL's programs as superuser of this server; raises LocalServerError with its first error."""
        answer = subprocess.run(
            [self._binaries / name, *arguments],
            input=script,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={
                "PATH": os.environ.get("PATH", ""),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self._folder.passwords([SUPERUSER])[SUPERUSER],
                "PGCONNECT_TIMEOUT": "5",
                "PGCLIENTENCODING": "UTF8",
            },
        )
        if answer.returncode:
            raise LocalServerError(f"PostgreSQL refused: {answer.stderr.strip()}")
        return answer.stdout.strip()

    @cached_property
    def _binaries(self) -> Binaries:
        return find_binaries()

    def _make_data(self, binaries: Binaries) -> None:
        password_file = self._folder.write("initdb-password", self._folder.passwords([SUPERUSER])[SUPERUSER])
        try:
            make_data(self._data, binaries, superuser=SUPERUSER, password_file=password_file)
        finally:
            password_file.unlink()

    def _clear_the_way(self) -> None:
        """End a server whose supervisor was killed; forget a pid file whose number now is somebody else's."""
        pid = self._folder.number("data/postmaster.pid")
        if pid is None:
            return
        if self._is_our_server(pid):
            self._say(f"Taking over from a PostgreSQL that was left running (process {pid})")
            self._stop_server()
        elif command_of(pid):
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, binaries: Binaries) -> None:
        def launched() -> bool:
            return self._try_to_launch(binaries)

        if not wait_until(launched, seconds=LEFTOVERS_SECONDS):
            raise LocalServerError(f"PostgreSQL does not start on {self._data}:\n{self._last_words()}")

    def _try_to_launch(self, binaries: Binaries) -> bool:
        """Start once; False when something left behind by a killed server is still in the way."""
        port = self._port.take()
        beginning = self._log.stat().st_size if self._log.exists() else 0
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        process = self._process = start_process(
            [*as_nobody(), binaries / "postgres", "-D", self._data, "-c", f"port={port}", *settings],
            log=self._log,
            environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )
        if not wait_until(
            lambda: self._is_ready(process.pid) or process.poll() is not None, seconds=RECOVERY_SECONDS
        ):
            end_process(process.pid, mark=str(self._data), by=signal.SIGINT)
            raise LocalServerError(f"PostgreSQL did not become ready:\n{self._last_words()}")
        if process.poll() is None:
            return True
        words = self._log.read_bytes()[beginning:].decode(errors="replace")
        if "in use" in words or "lock file" in words:
            return False
        raise LocalServerError(f"PostgreSQL does not start on {self._data}:\n{self._last_words()}")

    def _is_ready(self, pid: int) -> bool:
        """What `pg_ctl --wait` looks at: the eighth line of the pid file."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return lines[0] == str(pid) and len(lines) > 7 and lines[7].strip() == "ready"

    def _is_our_server(self, pid: int) -> bool:
        return str(self._data) in command_of(pid)

    def _stop_server(self) -> None:
        ours = self._process.pid if self._process is not None else None
        pid = ours or self._folder.number("data/postmaster.pid")
        if pid is not None:
            end_process(pid, mark=str(self._data), by=signal.SIGINT)

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
