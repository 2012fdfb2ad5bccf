"""Apps behind an address that stays while their processes are replaced, as a cluster's Service is (P16)."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from chaos.proxies.wire import Wire
from deploy.layout import APPS
from deploy.local.processes import free_port

PROCESSES_FROM = 130
"""Where the ports of processes that come and go begin, counted from the gateway's."""


class Addresses:
    """Every app's address: connections go to the process that was last ready, and stay with the one they came to."""

    def __init__(self, port: int) -> None:
        self._next = port + PROCESSES_FROM
        self._at: dict[str, int] = {}

    async def open(self, stack: AsyncExitStack, ports: Mapping[str, int]) -> dict[str, int]:
        """Take connections at the apps' ports; says where every process listens instead."""
        for app in APPS:
            self._at[app.name] = self.next_port()
            wire = Wire(server_port=partial(self._at.__getitem__, app.name), open_conversation=_Passing)
            stack.push_async_callback(wire.close)
            await wire.listen(ports[app.name])
        return {**ports, **self._at}

    def next_port(self) -> int:
        """A port for a process that is about to start."""
        port = free_port(self._next)
        self._next = port + 1
        return port

    def switch(self, target: str, port: int) -> None:
        """Those who come to a process from now on go to this port."""
        self._at[target] = port


class _Passing:
    """A connection nobody listens in on."""

    def from_client(self, data: bytes) -> bytes | None:
        return data

    def from_server(self, data: bytes) -> bytes | None:
        return data

    def ended(self) -> None:
        return
