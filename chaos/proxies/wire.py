"""A TCP proxy: one listener in front of one server, and a conversation for each connection that passes through it."""

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

from deploy.local.processes import free_port


class Conversation(Protocol):
    """What listens in on one connection; it returns what is to be passed on, or None to cut the connection there."""

    def from_client(self, data: bytes) -> bytes | None:
        """Bytes on their way to the server."""
        ...

    def from_server(self, data: bytes) -> bytes | None:
        """Bytes on their way to the client."""
        ...

    def ended(self) -> None:
        """The connection is gone."""
        ...


C = TypeVar("C", bound=Conversation)


class Wire(Generic[C]):
    """The listener.

    `server_port` tells where the server is now, as it may come back elsewhere; `open_conversation` makes what listens in
    on the next connection.
    """

    def __init__(self, *, server_port: Callable[[], int], open_conversation: Callable[[], C]) -> None:
        self.server_port = server_port
        self.open: set[C] = set()
        self.connections: set[_Client] = set()
        self._open_conversation = open_conversation
        self._listener: asyncio.Server | None = None

    async def listen(self, port: int) -> int:
        """Take connections at the next free loopback port from this one on; says at which."""

        def connected() -> _Client:
            return _Client(self, self._open_conversation())

        port = free_port(port)
        self._listener = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", port)
        return port

    def cut(self) -> int:
        """End every connection at once; says how many there were."""
        connections = list(self.connections)
        for connection in connections:
            connection.abort()
        return len(connections)

    async def close(self) -> None:
        """End everything."""
        if self._listener is not None:
            self._listener.close()
        self.cut()


class _Client(asyncio.Protocol):
    """The client's end: what comes before the server's end is open waits."""

    def __init__(self, wire: "Wire[C]", conversation: C) -> None:
        self._wire = wire
        self._conversation = conversation
        self._waiting: list[bytes] = []
        self._near: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._near = cast(asyncio.Transport, transport)
        self._wire.connections.add(self)
        self._wire.open.add(self._conversation)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        passed = self._conversation.from_client(data)
        if passed is None:
            self.abort()
        elif self._far is None:
            self._waiting.append(passed)
        else:
            self._far.write(passed)

    def connection_lost(self, _: Exception | None) -> None:
        self._wire.connections.discard(self)
        self._wire.open.discard(self._conversation)
        self._conversation.ended()
        if self._far is not None:
            self._far.abort()

    def answered(self, data: bytes) -> None:
        """The server said something."""
        passed = self._conversation.from_server(data)
        if passed is None:
            self.abort()
        elif self._near is not None:
            self._near.write(passed)

    def abort(self) -> None:
        """End both ends at once."""
        for end in (self._near, self._far):
            if end is not None:
                end.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            far, _ = await loop.create_connection(
                lambda: _Server(self), "127.0.0.1", self._wire.server_port()
            )
        except OSError:
            self.abort()
            return
        if self._near is None or self._near.is_closing():
            far.abort()
            return
        for data in self._waiting:
            far.write(data)
        self._waiting.clear()
        self._far = far


class _Server(asyncio.Protocol):
    """The server's end."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.answered(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._client.abort()


def through(url: str, port: int) -> str:
    """A URL whose server is reached through a wire at a port."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
