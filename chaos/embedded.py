"""The embedded mode: `make run`'s one process behind wires, killed and started again, with its PostgreSQL or beside it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from chaos.database_wires import open_database_wires
from chaos.outages import Outages
from chaos.platforms import made
from chaos.proxies.postgres import PostgresWire
from chaos.schedule import EMBEDDED
from chaos.supervisor import READY_SECONDS, Supervised
from chaos.wired import WIRES
from deploy.layout import ports_from
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import command_of


class EmbeddedPlatform:
    """The running process; its own supervisor looks after PostgreSQL and the simulator."""

    takes_wechat_along: bool = True

    def __init__(
        self,
        folder: Path,
        process: Supervised,
        wires: dict[str, PostgresWire],
        outages: Outages,
        *,
        port: int,
    ) -> None:
        self.folder = folder
        self.database_wires = wires
        self.process = process
        self.outages = outages
        self.url = f"http://127.0.0.1:{port}"
        self.simulator_url = f"http://127.0.0.1:{ports_from(port)['simulator']}"
        self.postgres = LocalPostgres(folder / "postgres")

    @property
    def owner_password(self) -> str:
        return (self.folder / "secrets" / "gateway_owner_password").read_text()

    def busy(self, target: str) -> int:
        return sum(wire.busy() for wire in self.database_wires.values())

    async def kill(self, target: str, *, with_database: bool) -> None:
        if with_database:
            self._kill_postgres()
        self.process.kill()

    async def ready(self, target: str) -> None:
        await self.process.is_ready.wait()

    async def restart_database(self, way: str) -> None:
        """End PostgreSQL under the running process, which is to start it again."""
        await self.ready(EMBEDDED)
        outage = self.outages.begin("postgresql", way)
        before = self._postmaster()
        if way == "kill":
            self._kill_postgres()
        elif before is not None:
            os.kill(before, signal.SIGINT)
        async with asyncio.timeout(READY_SECONDS):
            while self._postmaster() in (None, before) or not await self.process.answers():
                await asyncio.sleep(0.1)
        self.outages.end(outage)

    async def at_rest(self) -> bool:
        return True

    def _postmaster(self) -> int | None:
        """The server's process, while it lives."""
        try:
            pid = int((self.folder / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if "postgres" in command_of(pid) else None

    def _kill_postgres(self) -> None:
        if (pid := self._postmaster()) is not None:
            os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def embedded_platform(folder: Path, *, port: int) -> AsyncIterator[EmbeddedPlatform]:
    """A shop of its own below a folder, in one process."""
    outages = Outages()
    wires: dict[str, PostgresWire] = {}
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        ports = await open_database_wires(stack, wires, LocalPostgres(folder / "postgres"), port=port)
        process = Supervised(
            EMBEDDED,
            "chaos.wired",
            {
                "JISHI_HOME": str(made(folder)),
                "JISHI_PORT": str(port),
                "JISHI_DEMO": "no",
                "GATEWAY_LIMITS_SCALE": "1000",
                WIRES: json.dumps(ports),
            },
            ready_url=f"http://127.0.0.1:{port}/health/ready",
            logs=made(folder / "logs"),
            outages=outages,
            http=http,
        )
        platform = EmbeddedPlatform(folder, process, wires, outages, port=port)
        try:
            await process.start()
            await process.until_ready()
            yield platform
        finally:
            await process.stop()
