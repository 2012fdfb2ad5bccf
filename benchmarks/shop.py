"""A shop of the benchmark's own, started as by `make up-local` or `make run`, below a folder and on its own ports."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path

from benchmarks import cpu
from benchmarks.api import Api, Refused
from deploy.layout import GATEWAY, PACKAGES, WORKERS, ports_from
from deploy.local.folder import LocalServerError
from deploy.local.home import PROJECT
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls
from deploy.local.processes import start_process
from deploy.local.rabbitmq import LocalRabbitMQ

POLL_SECONDS = 0.02
START_SECONDS = 180.0
STOP_SECONDS = 90.0
LIMITS_SCALE = "10000"
"""All load comes from one machine: what one caller may do is no limit here; what the shop may have under way stays one."""

RUNNER, POSTGRESQL, RABBITMQ = "runner", "PostgreSQL", "RabbitMQ"
EMBEDDED = "embedded shop"


class Mode(StrEnum):
    """How the shop runs; in the embedded mode its Python is one process."""

    FULL = "full"
    EMBEDDED = "embedded"


RUNNERS = {Mode.FULL: "deploy.local.up", Mode.EMBEDDED: "deploy.local.run"}


class Shop:
    """A shop that can be started and stopped."""

    def __init__(self, folder: Path, mode: Mode, *, port: int) -> None:
        self.folder = folder
        self.mode = mode
        self.ports = ports_from(port)
        self.url = f"http://127.0.0.1:{port}"
        self.simulator_url = f"http://127.0.0.1:{self.ports['simulator']}"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._postgres = LocalPostgres(folder / "postgres")

    def in_mode(self, mode: Mode) -> "Shop":
        """The same shop, on the same data and ports, when it runs like this; only one of them runs at a time."""
        return self if mode is self.mode else Shop(self.folder, mode, port=self._port)

    @property
    def log(self) -> Path:
        """What the runner says."""
        return self.folder / "runner.log"

    @property
    def owner_password(self) -> str:
        """The password of the operator `owner`."""
        return (self.folder / "secrets" / "gateway_owner_password").read_text()

    @property
    def databases(self) -> Mapping[str, DatabaseUrls]:
        """How each database is reached."""
        return {name: self.database(name) for name in PACKAGES}

    def database(self, name: str, *, roles_of: str | None = None) -> DatabaseUrls:
        """How a database is reached, as the roles of a service."""
        return self._postgres.urls(name, roles_of=roles_of or name)

    def new_database(self, name: str) -> DatabaseUrls:
        """A database beside the shop's, with roles of its own."""
        return self._postgres.ensure([name])[name]

    def sql(self, script: str) -> str:
        """What PostgreSQL's administrator is answered."""
        return self._postgres.sql(script)

    def amqp_url(self, service: str) -> str:
        """How a service reaches RabbitMQ."""
        return LocalRabbitMQ(self.folder / "rabbitmq").urls([service])[service]

    def clear(self) -> None:
        """Forget an earlier shop in this folder, whose runner may have been killed."""
        if self.folder.exists():
            subprocess.run(
                [sys.executable, "-m", "deploy.local.down"],
                cwd=PROJECT,
                env=self._environment(),
                stdout=subprocess.DEVNULL,
                timeout=STOP_SECONDS,
                check=True,
            )
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True)

    async def start(self) -> float:
        """Start everything; seconds until the first answer of a shopper's page. Raises LocalServerError."""
        began = time.monotonic()
        self._process = start_process(
            [sys.executable, "-m", RUNNERS[self.mode]], log=self.log, environment=self._environment()
        )
        await self._until(self._answers)
        seconds = time.monotonic() - began
        await self._until(self._is_ready)
        return seconds

    async def stop(self) -> None:
        """End everything in order."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def roots(self) -> dict[int, str]:
        """The process numbers at the top of each group of the shop's processes."""
        assert self._process is not None
        found = {self._process.pid: RUNNER if self.mode is Mode.FULL else EMBEDDED}
        for note in (self.folder / "children").iterdir():
            found[int(note.read_text().split("\n", 1)[0])] = note.name
        servers = [(POSTGRESQL, "postgres/data/postmaster.pid")]
        if self.mode is Mode.FULL:
            servers += [(RABBITMQ, "rabbitmq/node.pid"), (RABBITMQ, "rabbitmq/mapper.pid")]
        for name, path in servers:
            found[int((self.folder / path).read_text().split("\n", 1)[0])] = name
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """What each group of processes has used."""
        return cpu.cpu_seconds(self.roots())

    def memory_mb(self) -> dict[str, float]:
        """What each group of processes occupies."""
        return cpu.memory_mb(self.roots())

    def _environment(self) -> dict[str, str]:
        names = ("PATH", "HOME", "LANG")
        return {name: os.environ[name] for name in names if name in os.environ} | {
            "JISHI_HOME": str(self.folder),
            "JISHI_PORT": str(self._port),
            "JISHI_DEMO": "no",
            "GATEWAY_LIMITS_SCALE": LIMITS_SCALE,
        }

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not await condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise LocalServerError(f"The shop does not start; {self.log} says:\n{words}")
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self) -> bool:
        return await _is_there(f"{self.url}", "/products")

    async def _is_ready(self) -> bool:
        workers = [process.name for process in WORKERS] if self.mode is Mode.FULL else []
        return all(
            [
                await _is_there(f"http://127.0.0.1:{self.ports[name]}", "/health/ready")
                for name in (GATEWAY, *workers)
            ]
        )


async def _is_there(url: str, path: str) -> bool:
    api = Api(url)
    try:
        await api.answer("GET", path)
    except (Refused, ConnectionError, TimeoutError, OSError):
        return False
    finally:
        api.close()
    return True
