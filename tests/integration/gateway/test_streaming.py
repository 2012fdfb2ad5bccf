"""Requests and answers stream through the gateway's client, whatever the service does meanwhile (SEC5, K17).

How it reads answers is tested beside it (tests/integration/shared/test_http_connections.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message

from gateway.upstreams import RemoteUpstreams
from shared.http.services import ServiceUnavailable
from tests.support.peer import OK, Peer, Talk, open_peer, saying


class Asking:
    """The gateway's way to one service."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.upstreams = RemoteUpstreams({"peer": peer.url})

    async def ask(
        self, method: str = "GET", target: str = "/x", *parts: bytes, chunked: bool = False
    ) -> list[Message]:
        """One request; ``parts`` are its body."""
        path, _, query = target.partition("?")
        headers = [(b"host", b"peer")]
        if parts and not chunked:
            headers.append((b"content-length", b"%d" % sum(map(len, parts))))
        waiting = list(parts)
        told: list[Message] = []

        async def receive() -> Message:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: Message) -> None:
            told.append(message)

        sent = [*headers, (b"transfer-encoding", b"chunked")] if chunked else headers
        scope = {"method": method, "query_string": query.encode("latin-1"), "headers": sent}
        async with asyncio.timeout(5):
            await self.upstreams.forward("peer", scope, path, headers, receive, send)
        return told


@asynccontextmanager
async def service(talk: Talk) -> AsyncIterator[Asking]:
    async with open_peer(talk) as peer:
        asking = Asking(peer)
        try:
            yield asking
        finally:
            asking.upstreams.close()


def body(told: list[Message]) -> bytes:
    assert told[0]["type"] == "http.response.start"
    assert [message["more_body"] for message in told[1:]] == [True] * (len(told) - 2) + [False]
    return b"".join(message["body"] for message in told[1:])


async def test_an_answer_comes_out_as_it_came_in() -> None:
    async with service(saying(OK)) as asking:
        for _ in range(3):
            told = await asking.ask()
            assert (told[0]["status"], told[0]["headers"]) == (200, [(b"content-length", b"2")])
            assert body(told) == b"ok"
        assert asking.peer.connections == 1


@pytest.mark.parametrize(
    ("method", "parts", "asked"), [("GET", (), 3), ("DELETE", (), 3), ("POST", (), 2), ("PUT", (b"x",), 2)]
)
async def test_only_what_does_no_harm_twice_and_is_still_there_is_asked_again(
    method: str, parts: tuple[bytes, ...], asked: int
) -> None:
    """A body has gone through to the service that just closed its connection."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:  # it read the request and went away without a word
            raise ConnectionError
        writer.write(OK)

    async with service(once) as asking:
        await asking.ask()
        if asked == 3:
            assert body(await asking.ask(method, "/x", *parts)) == b"ok"
        else:
            with pytest.raises(ServiceUnavailable):
                await asking.ask(method, "/x", *parts)
        assert len(asking.peer.heads) == asked


async def test_a_request_goes_out_as_it_came_in() -> None:
    received: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        received.append(await reader.readexactly(5) if number == 0 else await reader.readuntil(b"0\r\n\r\n"))
        writer.write(OK)

    async with service(read) as asking:
        await asking.ask("POST", "/x/%E7%BA%A2?a=1&b=%20", b"ab", b"cde")
        await asking.ask("POST", "/x", b"ab", b"cde", chunked=True)
        assert asking.peer.heads == [
            b"POST /x/%E7%BA%A2?a=1&b=%20 HTTP/1.1\r\nhost: peer\r\ncontent-length: 5\r\n\r\n",
            b"POST /x HTTP/1.1\r\nhost: peer\r\ntransfer-encoding: chunked\r\n\r\n",
        ]
        assert received == [b"abcde", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"]
        assert asking.peer.connections == 1


@pytest.mark.parametrize("target", ["/x\r\nhost: y", "/x y", "/x?a=1\nb", "/x?a b"])
async def test_a_target_that_others_might_read_as_two_requests_is_never_sent(target: str) -> None:
    async with service(saying(OK)) as asking:
        with pytest.raises(ValueError, match="read as two"):
            await asking.ask("GET", target)
        assert asking.peer.heads == []


async def test_an_answer_before_the_whole_body_ends_the_connection() -> None:
    async with service(saying(OK)) as asking:
        never = asyncio.Event()

        async def receive() -> Message:
            if not receiving:
                await never.wait()
            return {"type": "http.request", "body": receiving.pop(), "more_body": True}

        receiving, told = [b"x"], list[Message]()

        async def send(message: Message) -> None:
            told.append(message)

        headers = [(b"content-length", b"9")]
        scope = {"method": "POST", "query_string": b"", "headers": headers}
        async with asyncio.timeout(5):
            await asking.upstreams.forward("peer", scope, "/x", headers, receive, send)
        assert body(told) == b"ok"
        await asking.ask()
        assert asking.peer.connections == 2


async def test_a_slow_reader_makes_the_service_wait() -> None:
    size, sent = 64 * 1024 * 1024, 0

    async def much(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _mebibyte in range(64):
            writer.write(bytes(1024 * 1024))
            await writer.drain()
            sent += 1024 * 1024

    async with service(much) as asking:
        received, sent_meanwhile = 0, -1

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            nonlocal received, sent_meanwhile
            if sent_meanwhile < 0:
                await asyncio.sleep(0.3)
                sent_meanwhile = sent
            received += len(message.get("body", b""))

        scope: dict[str, Any] = {"method": "GET", "query_string": b"", "headers": []}
        async with asyncio.timeout(30):
            await asking.upstreams.forward("peer", scope, "/x", [], receive, send)
        assert received == size
        assert sent_meanwhile < size / 2
