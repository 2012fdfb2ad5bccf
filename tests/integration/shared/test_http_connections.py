"""Our own HTTP client, against services that keep the rules, break them, or go away (SEC5, SEC10, K17)."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shared.http import connections, services
from shared.http.breaker import FAILURES
from shared.http.services import Answer, RemoteExchange, ServiceUnavailable
from tests.support.peer import OK, Peer, Talk, open_peer, saying


class Asking:
    """A process's way to one service."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.exchange = RemoteExchange({"peer": peer.url})

    async def ask(
        self,
        method: str = "GET",
        target: str = "/x",
        body: bytes = b"",
        *,
        seconds: float = 5,
        **headers: str,
    ) -> Answer:
        return await self.exchange.send("peer", method, target, headers, body, seconds=seconds)


@asynccontextmanager
async def service(talk: Talk) -> AsyncIterator[Asking]:
    async with open_peer(talk) as peer:
        asking = Asking(peer)
        try:
            yield asking
        finally:
            asking.exchange.close()


async def test_a_connection_is_kept_and_used_again() -> None:
    async with service(saying(OK)) as asking:
        for _ in range(3):
            assert await asking.ask() == Answer(200, {"content-length": "2"}, b"ok")
        assert asking.peer.connections == 1
        await asyncio.gather(*(asking.ask() for _ in range(5)))
        assert 2 <= asking.peer.connections <= 5


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEPT_ALIVE_SECONDS", 0.05)
    async with service(saying(OK)) as asking:
        await asking.ask()
        await asyncio.sleep(0.3)
        await asking.ask()
        assert asking.peer.connections == 2


async def test_no_more_connections_are_opened_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.02)
        writer.write(OK)

    async with service(slowly) as asking:
        answers = await asyncio.gather(*(asking.ask() for _ in range(7)))
        assert [answer.body for answer in answers] == [b"ok"] * 7
        assert asking.peer.connections == 2


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("PUT", 3), ("DELETE", 3), ("POST", 2)])
async def test_only_what_does_no_harm_twice_is_asked_again_when_a_kept_connection_was_just_closed(
    method: str, asked: int
) -> None:
    received: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        received.append(await reader.readexactly(4))
        if number == 1:  # it read the request and went away without a word
            raise ConnectionError
        writer.write(OK)

    async with service(once) as asking:
        await asking.ask("POST", "/x", b"body")
        if asked == 3:
            assert (await asking.ask(method, "/x", b"body")).body == b"ok"
        else:
            with pytest.raises(ServiceUnavailable):
                await asking.ask(method, "/x", b"body")
        assert len(asking.peer.heads) == asked
        assert received == [b"body"] * asked


async def test_what_was_begun_to_be_answered_is_never_asked_again() -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK if number == 0 else b"HTTP/1.1 200 OK\r\n")
        if number == 1:
            await writer.drain()
            await asyncio.sleep(0.05)
            raise ConnectionError

    async with service(half) as asking:
        await asking.ask()
        with pytest.raises(ServiceUnavailable):
            await asking.ask()
        assert len(asking.peer.heads) == 2


async def test_a_service_that_closes_new_connections_is_asked_once() -> None:
    async with service(saying(b"", then_close=True)) as asking:
        with pytest.raises(ServiceUnavailable):
            await asking.ask()
        assert len(asking.peer.heads) == 1


async def test_a_request_goes_out_with_what_it_needs_and_nothing_else() -> None:
    received: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        received.append(await reader.readexactly(5 if number == 0 else 0))
        writer.write(OK)

    async with service(read) as asking:
        await asking.ask("POST", "/x/%E7%BA%A2?a=1&b=%20", b"abcde", x="\xe9")
        await asking.ask("GET", "/x")
        assert asking.peer.heads == [
            b"POST /x/%E7%BA%A2?a=1&b=%20 HTTP/1.1\r\nx: \xe9\r\nhost: peer\r\ncontent-length: 5\r\n\r\n",
            b"GET /x HTTP/1.1\r\nhost: peer\r\ncontent-length: 0\r\n\r\n",
        ]
        assert received == [b"abcde", b""]
        assert asking.peer.connections == 1


@pytest.mark.parametrize(
    ("method", "target", "name", "value"),
    [
        ("GET", "/x\r\nhost: y", "a", "b"),
        ("GET", "/x\r\n\r\nGET /y HTTP/1.1", "a", "b"),
        ("GET", "/x y", "a", "b"),
        ("GET", "/x?a=1\nb", "a", "b"),
        ("GET", "/x?a b", "a", "b"),
        ("GET", "/红", "a", "b"),
        ("GET /y HTTP/1.1\r\na:", "/x", "a", "b"),
        ("GET", "/x", "a", "b\r\nc: d"),
        ("GET", "/x", "a", "b\nc: d"),
        ("GET", "/x", "a", "b\rc"),
        ("GET", "/x", "a", "红"),
        ("GET", "/x", "a: b\r\nc", "d"),
    ],
)
async def test_a_request_that_others_might_read_as_two_is_never_sent(
    method: str, target: str, name: str, value: str
) -> None:
    async with service(saying(OK)) as asking:
        with pytest.raises(ValueError, match=r"read as two|can't encode"):
            await asking.exchange.send("peer", method, target, {name: value}, b"", seconds=5)
        assert asking.peer.connections == 0


@pytest.mark.parametrize("url", ["https://peer", "peer:80", "http://", "http://peer/path", "unix:/run/x"])
def test_only_a_host_and_a_port_are_an_address_of_a_service(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a service"):
        RemoteExchange({"peer": url})


@pytest.mark.parametrize(
    ("answer", "status", "text", "is_kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n", 307, b"", True),
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
    async with service(saying(answer, OK)) as asking:
        told = await asking.ask()
        assert (told.status, told.body) == (status, text)
        assert "x-t" not in told.headers
        assert "link" not in told.headers
        assert (await asking.ask()).body in (b"ok", text)
        assert asking.peer.connections == (1 if is_kept else 2)


async def test_names_of_headers_are_lower_case_and_values_are_bytes_as_text() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Part: \xe9 B\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n"
    async with service(saying(answer)) as asking:
        for _ in range(2):
            told = await asking.ask()
            assert told.headers == {"x-part": "\xe9 B", "content-length": "0", "set-cookie": "a=b"}
        assert b"cookie" not in asking.peer.heads[1]


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
    async with service(saying(answer, then_close=True)) as asking:
        with pytest.raises(ServiceUnavailable):
            await asking.ask()


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_may_be_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch, chunked: bool) -> None:
    most = 512 * 1024
    monkeypatch.setattr(services, "MOST_ANSWER_BYTES", most)

    async def much(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        size = most + 1 if len(asking.peer.heads) == 2 else most
        if chunked:
            head, last = b"transfer-encoding: chunked\r\n\r\n%x\r\n" % size, b"\r\n0\r\n\r\n"
        else:
            head, last = b"content-length: %d\r\n\r\n" % size, b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + bytes(size) + last)

    async with service(much) as asking:
        assert len((await asking.ask()).body) == most
        with pytest.raises(ServiceUnavailable):
            await asking.ask()
        assert len((await asking.ask()).body) == most
        assert len(asking.peer.heads) == 3


async def test_an_answer_without_end_is_cut_off() -> None:
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
            await writer.drain()
            sent += 65_536

    async with service(endless) as asking:
        with pytest.raises(ServiceUnavailable):
            await asking.ask(seconds=30)
        assert services.MOST_ANSWER_BYTES < sent < 8 * services.MOST_ANSWER_BYTES


async def test_a_word_that_nobody_asked_for_ends_the_connection() -> None:
    async def chatty(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    async with service(chatty) as asking:
        assert (await asking.ask()).body == b"ok"
        await asyncio.sleep(0.2)
        assert (await asking.ask()).body == b"ok"
        assert asking.peer.connections == 2


async def _late(asking: Asking, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.2)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate" if len(asking.peer.heads) == 1 else OK)


@pytest.mark.parametrize("by", ["deadline", "cancellation"])
async def test_who_gives_up_leaves_no_connection_for_others_to_be_confused_by(by: str) -> None:
    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await _late(asking, writer)

    async with service(slowly) as asking:
        if by == "deadline":
            with pytest.raises(ServiceUnavailable):
                await asking.ask(seconds=0.05)
        else:
            call = asyncio.create_task(asking.ask())
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert (await asking.ask()).body == b"ok"
        assert asking.peer.connections == 2


async def test_the_deadline_counts_while_a_connection_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)
    done = asyncio.Event()

    async def when_told(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await done.wait()
        writer.write(OK)

    async with service(when_told) as asking:
        first = asyncio.create_task(asking.ask())
        await asyncio.sleep(0.05)
        began = monotonic()
        with pytest.raises(ServiceUnavailable):
            await asking.ask(seconds=0.1)
        assert monotonic() - began < 1
        done.set()
        assert (await first).body == b"ok"
        assert (await asking.ask()).body == b"ok"
        assert (len(asking.peer.heads), asking.peer.connections) == (2, 1)


async def test_the_deadline_counts_while_the_service_is_connected_to() -> None:
    """A listener that is full takes no more connections, and refuses none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place = full.getsockname()
        with socket.create_connection(place):
            exchange = RemoteExchange({"peer": f"http://127.0.0.1:{place[1]}"})
            began = monotonic()
            with pytest.raises(ServiceUnavailable):
                await exchange.send("peer", "GET", "/x", {}, b"", seconds=0.2)
            assert 0.15 < monotonic() - began < 1
            exchange.close()


async def test_a_service_that_is_not_whole_is_left_alone_for_a_moment() -> None:
    async with service(saying(b"", then_close=True)) as asking:
        for _ in range(FAILURES + 5):
            with pytest.raises(ServiceUnavailable):
                await asking.ask()
        assert len(asking.peer.heads) == FAILURES


async def test_a_failure_that_was_answered_is_no_reason_to_leave_a_service_alone() -> None:
    async with service(saying(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")) as asking:
        for _ in range(FAILURES + 5):
            assert (await asking.ask()).status == 500
        assert len(asking.peer.heads) == FAILURES + 5


async def test_who_lets_go_closes_every_connection() -> None:
    gone = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK)
        await writer.drain()
        assert await reader.read() == b""
        gone.set()

    async with service(once) as asking:
        await asking.ask()
        asking.exchange.close()
        async with asyncio.timeout(1):
            await gone.wait()


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

    expected = {name.decode(): value.decode() for name, value in headers}
    async with service(torn) as asking:
        for _ in range(2):
            told = await asking.ask()
            assert (told.status, told.body) == (status, whole)
            assert expected.items() <= told.headers.items()
        assert asking.peer.connections == 1


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
        if len(asking.peer.heads) > 1:
            writer.write(OK)
            return
        writer.write(rubbish)
        raise ConnectionError

    async with service(once) as asking:
        try:
            told = await asking.ask()
        except ServiceUnavailable:
            pass
        else:
            assert 200 <= told.status <= 999
        assert (await asking.ask()).body == b"ok"
