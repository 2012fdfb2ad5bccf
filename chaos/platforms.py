"""A shop of the harness's own, in full or in embedded mode, whose parts can be killed, restarted and cut off."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from chaos.outages import Outages
from chaos.proxies.postgres import PostgresWire
from deploy.local.postgres import LocalPostgres


class Platform(Protocol):
    """What the shoppers, the saboteur and the observer need of a shop."""

    url: str
    simulator_url: str
    outages: Outages
    postgres: LocalPostgres
    database_wires: dict[str, PostgresWire]
    takes_wechat_along: bool
    """Whether a kill of its process ends the simulator too."""

    @property
    def owner_password(self) -> str:
        """The password of the operator `owner`."""
        ...

    def busy(self, target: str) -> int:
        """How much work a process has in flight: transactions, awaited answers, unacknowledged deliveries."""
        ...

    async def kill(self, target: str, *, with_database: bool) -> None:
        """kill -9 a process; a supervisor starts it again."""
        ...

    async def ready(self, target: str) -> None:
        """Wait until a process is ready."""
        ...

    async def restart_database(self, way: str) -> None:
        """kill -9 PostgreSQL, or stop it, and start it again."""
        ...

    async def at_rest(self) -> bool:
        """Whether nothing is on its way between the services."""
        ...


Say = Callable[[str], None]
Environment = Mapping[str, str]


async def in_thread(do: Callable[[], object]) -> None:
    """Something that blocks, such as starting a server."""
    await asyncio.to_thread(do)


def made(folder: Path) -> Path:
    """A folder, made when it is not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
