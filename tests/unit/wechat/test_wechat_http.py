import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from shared.wechat.http import ConnectionFailed, NoAnswer, exchange

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    """A server of one's own on a free port, until the block ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await server(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/secret?secret=hidden"
    finally:
        listening.close()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\nX-Case: A\r\n\r\nno")
    await writer.drain()


async def test_an_answer_that_drips_ends_at_the_overall_deadline() -> None:
    """Each piece is in time for a read timeout; only the deadline over all of them ends it."""
    async with serving(drip) as url, httpx.AsyncClient() as http:
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"^TimeoutError$"):
            await exchange(http, http.build_request("GET", url), deadline_s=0.2)
        assert time.monotonic() - started < 2


async def test_a_connection_that_breaks_is_told_from_a_missing_answer() -> None:
    async with serving(hang_up) as url, httpx.AsyncClient() as http:
        with pytest.raises(ConnectionFailed) as failed:
            await exchange(http, http.build_request("GET", url))

    assert str(failed.value) == "RemoteProtocolError"
    assert failed.value.__cause__ is None


async def test_a_port_where_nobody_listens_is_a_failed_connection() -> None:
    async with serving(hang_up) as url:
        pass

    async with httpx.AsyncClient() as http:
        with pytest.raises(ConnectionFailed, match=r"^ConnectError$"):
            await exchange(http, http.build_request("GET", url))


async def test_a_redirect_is_an_answer_even_for_a_client_that_would_follow() -> None:
    async with serving(redirect) as url, httpx.AsyncClient(follow_redirects=True) as http:
        answer = await exchange(http, http.build_request("GET", url))

    assert (answer.status, answer.headers["x-case"], answer.body) == (302, "A", b"no")
