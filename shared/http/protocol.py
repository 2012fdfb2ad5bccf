"""HTTP/1.1 as uvicorn reads it, with the two limits that it does not set: header bytes and header time (SEC6)."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 20 * 1024
HEADER_SECONDS = 10.0

_PROBLEM = b'{"type":"/problems/headers-too-large","title":"The request headers are too large","status":431}'
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
)


class GuardedProtocol(HttpToolsProtocol):
    """A connection whose request heads are bounded in size and in time; what breaks a bound is cut off."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._head_began = self.loop.time()
        self._watch: TimerHandle | None = self.loop.call_later(HEADER_SECONDS, self._check_head)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES and b"\r\n\r\n" not in data[:MAX_HEADER_BYTES]:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_began = self.loop.time()
        if self._watch is None:
            self._watch = self.loop.call_later(HEADER_SECONDS, self._check_head)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def _check_head(self) -> None:
        """Close a connection whose head has taken too long; look again when a newer one is on its way."""
        self._watch = None
        if not self._in_head:
            return
        left = self._head_began + HEADER_SECONDS - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(left, self._check_head)
