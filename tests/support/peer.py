"""A service that speaks HTTP byte by byte as it is told: by the rules, against them, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(slots=True)
class Peer:
    """Where it is, what it was asked, and over how many connections."""

    url: str
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def open_peer(talk: Talk) -> AsyncIterator[Peer]:
    """A service on a port: ``talk`` is called for each request with its number on the connection."""
    found: Peer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        number = 0
        try:
            while True:
                found.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await talk(reader, writer, number)
                number += 1
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found = Peer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield found
    finally:
        server.close()


def saying(*answers: bytes, then_close: bool = False) -> Talk:
    """Gives each request of a connection its answer, the last one to all that follow."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(answers[min(number, len(answers) - 1)])
        if then_close:
            raise ConnectionError

    return talk
