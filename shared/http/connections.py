"""HTTP/1.1 between our own processes: kept-alive connections with one request under way on each.

A client of our own, for a hop through aiohttp's costs two and a half times as much (docs/architecture/pages.md). It knows
what our services speak and refuses everything else: an answer has a length or chunks, and nothing is said unasked. There are
no redirects, proxies and cookies. How long to wait is the caller's business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import httptools

Headers = list[tuple[bytes, bytes]]

T = TypeVar("T")

KEPT_ALIVE_SECONDS = 8.0
"""How long an idle connection is kept: less than a process drains, so that none is used that is just being closed (P16)."""
MOST_CONNECTIONS = 128
"""To one service; who comes then waits for one."""
MOST_HEAD_BYTES = 64 * 1024
MOST_WAITING_BYTES = 256 * 1024
"""So much of an answer may wait for its reader before the service is kept waiting too."""
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
"""What does no harm twice (RFC 9110, 9.2.2), so that it may be asked again when a kept connection was just closed."""


class Lost(Exception):
    """The service cannot be reached, closed the connection, or does not speak HTTP as we know it."""


class Head(NamedTuple):
    """How an answer begins."""

    status: int
    headers: Headers


class HttpConnection(asyncio.Protocol):
    """One connection; ``ended`` is called when it is closed."""

    def __init__(self, ended: Callable[["HttpConnection"], None]) -> None:
        self.is_used = False
        """Whether there was a request before the present one: if so, the service may just have closed it."""
        self.is_silent = True
        """Whether nothing came since the present request was sent."""
        self._ended = ended
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._is_idle = True
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._waiting: asyncio.Future[None] | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._clear()

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed it, as far as is known here."""
        return not self._transport.is_closing()

    def _clear(self) -> None:
        self._headers: Headers = []
        self._head: Head | None = None
        self._head_bytes = 0
        self._parts: list[bytes] = []
        self._waiting_bytes = 0
        self._is_whole = self._keeps_alive = False
        self._is_paused = False
        self._failure: Exception | None = None

    def begin(self, request: bytes) -> None:
        """Send a request's head, and of its body what is there."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._is_idle, self.is_silent = False, True
        self._transport.write(request)

    async def write(self, data: bytes) -> None:
        """Send more of the body, as fast as the service takes it; raises Lost."""
        await self._can_write.wait()
        if not self.is_open:
            raise Lost("the service closed the connection")
        self._transport.write(data)

    async def head(self) -> Head:
        """How the answer begins; raises Lost, or what the request failed by."""
        while self._head is None:
            await self._hear()
        return self._head

    async def body(self) -> tuple[bytes, bool]:
        """The next part of the answer's body, and whether there is more; raises Lost, or what the request failed by."""
        while not self._parts and not self._is_whole:
            await self._hear()
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._waiting_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return part, not self._is_whole

    def rest(self) -> bool:
        """Whether the connection is as new after its answer; it closes by itself when it is not used for some time."""
        if not (self.is_open and self._is_whole and self._keeps_alive):
            return False
        self._clear()
        self.is_used = self._is_idle = True
        loop = asyncio.get_running_loop()
        self._idle_timer = loop.call_later(KEPT_ALIVE_SECONDS, self.close)
        return True

    def fail(self, error: Exception) -> None:
        """The request cannot be carried on."""
        if self._failure is None:
            self._failure = error
        self.close()
        self._wake()

    def close(self) -> None:
        """Let go of the service."""
        self._transport.abort()

    async def _hear(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._can_write.set()
        self.fail(Lost(f"the service closed the connection: {exc}"))
        self._ended(self)

    def data_received(self, data: bytes) -> None:
        if self._is_idle:
            self.close()
            return
        self.is_silent = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Lost(f"no HTTP: {error!r}"))
            return
        if self._head is None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.fail(Lost("the answer's head is too long"))
        self._wake()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    # httptools

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise Lost("an answer too many")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:  # trailers are not passed on
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self._head = Head(status, self._headers)
        self._headers = []

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._waiting_bytes += len(body)
        if self._waiting_bytes > MOST_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        self._is_whole = self._head is not None  # else it was a 1xx
        self._keeps_alive = self._parser.should_keep_alive()


class HttpPool:
    """The connections to one service."""

    def __init__(self, url: str) -> None:
        """To ``http://host:port``; raises ValueError for anything else."""
        self._place = _place(url)
        self._open: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def ask(
        self, request: bytes, converse: Callable[[HttpConnection], Awaitable[T]], *, may_repeat: bool
    ) -> T:
        """Send a request, and what ``converse`` makes of the answer; a connection that is not as new after it is closed.

        A kept connection that the service had just closed is no reason to fail where the request may be repeated. Raises
        Lost, and what ``converse`` raises.
        """
        while True:
            connection = await self._take()
            try:
                connection.begin(request)
                return await converse(connection)
            except Lost:
                if not (may_repeat and connection.is_used and connection.is_silent):
                    raise
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Let go of all connections."""
        for connection in tuple(self._open):
            connection.close()

    async def _take(self) -> HttpConnection:
        await self._free.acquire()
        while self._idle:
            if (kept := self._idle.pop()).is_open:
                return kept
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: HttpConnection(self._ended), *self._place
            )
        except OSError as error:
            self._free.release()
            raise Lost(f"the service cannot be reached: {error}") from error
        except BaseException:
            self._free.release()
            raise
        self._open.add(connection)
        return connection

    def _give_back(self, connection: HttpConnection) -> None:
        self._free.release()
        if connection.rest():
            self._idle.append(connection)
        else:
            connection.close()

    def _ended(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def encoded_head(method: str, target: bytes, headers: Headers) -> bytes:
    """A request's head as it goes over the wire; raises ValueError for line breaks in its parts."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target)]
    lines += [b"%b: %b" % header for header in headers]
    head = b"\r\n".join(lines)
    if (
        head.count(b"\n") != len(lines) - 1
        or head.count(b"\r") != len(lines) - 1
        or lines[0].count(b" ") != 2
    ):
        raise ValueError("a request that others might read as two")
    return head + b"\r\n\r\n"


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None or parts.path.strip("/"):
        raise ValueError(f"{url} is no address of a service: http://host:port")
    return parts.hostname, parts.port or 80
