"""Our own HTTP client, against services that keep the rules, break them, or go away (SEC5, K17)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from starlette.types import Message

from gateway import connections
from gateway.upstreams import RemoteUpstreams
from shared.http.services import ServiceUnavailable

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(slots=True)
class Peer:
    """A service that talks as it is told, and who speaks to it."""

    upstreams: RemoteUpstreams
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def ask(
        self,
        method: str = "GET",
        target: str = "/x",
        *parts: bytes,
        chunked: bool = False,
        seconds: float = 5,
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
        async with asyncio.timeout(seconds):
            await self.upstreams.forward("peer", scope, path, headers, receive, send)
        return told


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[Peer]:
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
    found = Peer(RemoteUpstreams({"peer": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}))
    try:
        yield found
    finally:
        found.upstreams.close()
        server.close()


def saying(*answers: bytes, then_close: bool = False) -> Talk:
    """Gives each request of a connection its answer, the last one to all that follow."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(answers[min(number, len(answers) - 1)])
        if then_close:
            raise ConnectionError

    return talk


def body(told: list[Message]) -> bytes:
    assert told[0]["type"] == "http.response.start"
    assert [message["more_body"] for message in told[1:]] == [True] * (len(told) - 2) + [False]
    return b"".join(message["body"] for message in told[1:])


async def test_a_connection_is_kept_and_used_again() -> None:
    async with peer(saying(OK)) as service:
        for _ in range(3):
            told = await service.ask()
            assert (told[0]["status"], told[0]["headers"], body(told)) == (
                200,
                [(b"content-length", b"2")],
                b"ok",
            )
        assert service.connections == 1
        await asyncio.gather(*(service.ask() for _ in range(5)))
        assert 2 <= service.connections <= 5


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEPT_ALIVE_SECONDS", 0.05)
    async with peer(saying(OK)) as service:
        await service.ask()
        await asyncio.sleep(0.3)
        await service.ask()
        assert service.connections == 2


async def test_no_more_connections_are_opened_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.02)
        writer.write(OK)

    async with peer(slowly) as service:
        told = await asyncio.gather(*(service.ask() for _ in range(7)))
        assert [body(each) for each in told] == [b"ok"] * 7
        assert service.connections == 2


@pytest.mark.parametrize(
    ("method", "parts", "asked"), [("GET", (), 3), ("DELETE", (), 3), ("POST", (), 2), ("PUT", (b"x",), 2)]
)
async def test_only_what_does_no_harm_twice_is_asked_again_when_a_kept_connection_was_just_closed(
    method: str, parts: tuple[bytes, ...], asked: int
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:  # it read the request and went away without a word
            raise ConnectionError
        writer.write(OK)

    async with peer(once) as service:
        await service.ask()
        if asked == 3:
            assert body(await service.ask(method, "/x", *parts)) == b"ok"
        else:
            with pytest.raises(ServiceUnavailable):
                await service.ask(method, "/x", *parts)
        assert len(service.heads) == asked


async def test_a_service_that_closes_new_connections_is_asked_once() -> None:
    async with peer(saying(b"", then_close=True)) as service:
        with pytest.raises(ServiceUnavailable):
            await service.ask()
        assert len(service.heads) == 1


async def test_a_request_goes_out_as_it_came_in() -> None:
    received: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        received.append(await reader.readexactly(5) if number == 0 else await reader.readuntil(b"0\r\n\r\n"))
        writer.write(OK)

    async with peer(read) as service:
        await service.ask("POST", "/x/%E7%BA%A2?a=1&b=%20", b"ab", b"cde")
        await service.ask("POST", "/x", b"ab", b"cde", chunked=True)
        assert service.heads == [
            b"POST /x/%E7%BA%A2?a=1&b=%20 HTTP/1.1\r\nhost: peer\r\ncontent-length: 5\r\n\r\n",
            b"POST /x HTTP/1.1\r\nhost: peer\r\ntransfer-encoding: chunked\r\n\r\n",
        ]
        assert received == [b"abcde", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"]
        assert service.connections == 1


@pytest.mark.parametrize("target", ["/x\r\nhost: y", "/x y", "/x?a=1\nb", "/x?a b"])
async def test_a_target_that_others_might_read_as_two_requests_is_never_sent(target: str) -> None:
    async with peer(saying(OK)) as service:
        with pytest.raises(ValueError, match="read as two"):
            await service.ask("GET", target)
        assert service.heads == []


async def test_an_answer_before_the_whole_body_ends_the_connection() -> None:
    async with peer(saying(OK)) as service:
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
            await service.upstreams.forward("peer", scope, "/x", headers, receive, send)
        assert body(told) == b"ok"
        await service.ask()
        assert service.connections == 2


async def test_a_slow_reader_makes_the_service_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    size, sent = 64 * 1024 * 1024, 0

    async def much(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _mebibyte in range(64):
            writer.write(bytes(1024 * 1024))
            await writer.drain()
            sent += 1024 * 1024

    async with peer(much) as service:
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
            await service.upstreams.forward("peer", scope, "/x", [], receive, send)
        assert received == size
        assert sent_meanwhile < size / 2


@pytest.mark.parametrize(
    ("answer", "status", "text", "is_kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304, b"", True),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nx-t: 1\r\n\r\n",
            200,
            b"abc",
            True,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
        (OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", 200, b"ok", False),
        (OK + b"rubbish", 200, b"ok", False),
    ],
)
async def test_answers_end_where_they_say_and_nothing_is_left_for_the_next_caller(
    answer: bytes, status: int, text: bytes, is_kept: bool
) -> None:
    async with peer(saying(answer, OK)) as service:
        told = await service.ask()
        assert (told[0]["status"], body(told)) == (status, text)
        assert (b"x-t", b"1") not in told[0]["headers"]
        assert (b"link", b"x") not in told[0]["headers"]
        assert body(await service.ask()) in (b"ok", text)
        assert service.connections == (1 if is_kept else 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil it ends",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf",
    ],
)
async def test_what_is_no_whole_answer_never_looks_like_one(answer: bytes) -> None:
    async with peer(saying(answer, then_close=True)) as service:
        with pytest.raises(ServiceUnavailable):
            await service.ask()


async def test_a_word_that_nobody_asked_for_ends_the_connection() -> None:
    async def chatty(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    async with peer(chatty) as service:
        assert body(await service.ask()) == b"ok"
        await asyncio.sleep(0.2)
        assert body(await service.ask()) == b"ok"
        assert service.connections == 2


async def test_who_gives_up_leaves_no_connection_for_others_to_be_confused_by() -> None:
    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate" if len(service.heads) == 1 else OK)

    async with peer(slowly) as service:
        with pytest.raises(TimeoutError):
            await service.ask(seconds=0.05)
        assert body(await service.ask()) == b"ok"
        assert service.connections == 2


HEADERS = st.lists(
    st.tuples(
        st.from_regex(rb"x-[a-z0-9]{1,8}", fullmatch=True), st.from_regex(rb"[!-~]{1,20}", fullmatch=True)
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    status=st.integers(200, 599),
    headers=HEADERS,
    parts=st.lists(st.binary(max_size=300), max_size=4),
    chunked=st.booleans(),
    seed=st.integers(0, 2**32),
)
async def test_however_an_answer_is_torn_into_packets_it_is_the_same(
    status: int, headers: list[tuple[bytes, bytes]], parts: list[bytes], chunked: bool, seed: int
) -> None:
    whole = b"" if status in (204, 304) else b"".join(parts)
    lines = [b"HTTP/1.1 %d x" % status, *(b"%b: %b" % header for header in headers)]
    if status not in (204, 304):
        lines.append(b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(whole))
    wire = b"\r\n".join(lines) + b"\r\n\r\n"
    if chunked and status not in (204, 304):
        wire += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
    else:
        wire += whole
    dice = random.Random(seed)

    async def torn(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        at = 0
        while at < len(wire):
            size = dice.choice((1, 2, 7, 50, 1000))
            writer.write(wire[at : at + size])
            await asyncio.sleep(0)
            at += size

    async with peer(torn) as service:
        for _ in range(2):
            told = await service.ask()
            assert told[0]["status"] == status
            assert told[0]["headers"][: len(headers)] == headers
            assert body(told) == whole
        assert service.connections == 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rubbish=st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    b"HTTP/1.1 ", b"200", b" OK", b"\r\n", b"\n", b"\r", b"content-length: ", b"2", b"-1",
                    b"transfer-encoding: chunked", b"connection: close", b"0\r\n\r\n", b"ok", b": ", b"\x00", b"HTTP/1.0 ",
                    b"100", b"204", b"\r\n\r\n", b"ffffffffffffffff\r\n",
                ]
            ),
            max_size=20,
        ).map(b"".join),
        st.binary(min_size=1, max_size=4).flatmap(
            lambda noise: st.integers(0, len(OK)).map(lambda at: OK[:at] + noise + OK[at:])
        ),
    )
)  # fmt: skip
async def test_no_byte_sequence_confuses_or_hangs_it(rubbish: bytes) -> None:
    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if len(service.heads) > 1:
            writer.write(OK)
            return
        writer.write(rubbish)
        raise ConnectionError

    async with peer(once) as service:
        try:
            told = await service.ask()
        except ServiceUnavailable:
            pass
        else:
            assert 200 <= told[0]["status"] <= 999
            body(told)
        assert body(await service.ask()) == b"ok"
