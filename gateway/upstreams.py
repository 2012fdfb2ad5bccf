"""Handing a checked request on to its service, streaming both ways and parsing nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.connections import REPEATABLE, Headers, HttpConnection, HttpPool, Lost, encoded_head
from shared.http.services import ServiceUnavailable


class Upstreams(Protocol):
    """The services behind the gateway; how long to wait is the caller's business."""

    async def forward(
        self, service: str, scope: Scope, path: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Send the request of ``scope`` to the percent-encoded ``path`` of a service and its answer to ``send``.

        Raises ServiceUnavailable when the service cannot be reached or its answer breaks off, and what ``receive`` raised.
        """
        ...

    def close(self) -> None:
        """Let go of the services."""
        ...


class LocalUpstreams:
    """The services' own ASGI apps in this process."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def forward(
        self, service: str, scope: Scope, path: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        inner: Scope = {
            "type": "http",
            "asgi": scope["asgi"],
            "http_version": "1.1",
            "method": scope["method"],
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": scope["query_string"],
            "root_path": "",
            "headers": headers,
            "server": (service, 80),
            "client": None,
            "state": {},
        }
        await self._apps[service](inner, receive, send)

    def close(self) -> None:
        """There is nothing to let go of."""


class RemoteUpstreams:
    """The services' processes, over kept-alive connections."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._pools = {service: HttpPool(url) for service, url in urls.items()}

    async def forward(
        self, service: str, scope: Scope, path: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        try:
            body = await _Body.begun(scope, receive)
            method, query = scope["method"], scope["query_string"]
            target = path.encode() + (b"?" + query if query else b"")
            if body.is_chunked:
                headers = [*headers, (b"transfer-encoding", b"chunked")]
            await self._pools[service].ask(
                encoded_head(method, target, headers) + body.first,
                partial(_pass_on, body, send),
                may_repeat=method in REPEATABLE and not body.is_expected,
            )
        except Lost as error:
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()


@dataclass(slots=True)
class _Body:
    """A request's body: what of it is there, and where the rest comes from."""

    receive: Receive
    is_expected: bool
    is_chunked: bool
    first: bytes = b""
    has_more: bool = False

    @classmethod
    async def begun(cls, scope: Scope, receive: Receive) -> "_Body":
        """A body whose first part is there: mostly all of it. Raises Lost when the client is gone."""
        names = {name for name, _ in scope["headers"]}
        is_chunked = b"transfer-encoding" in names
        body = cls(receive, is_chunked or b"content-length" in names, is_chunked)
        if body.is_expected:
            body.first = await body.next()
        return body

    async def next(self) -> bytes:
        """The next part as it goes over the wire. Raises Lost when the client is gone, and what ``receive`` raised."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise Lost("the client went away")
        part: bytes = message.get("body", b"")
        self.has_more = message.get("more_body", False)
        if not self.is_chunked:
            return part
        chunk = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        return chunk if self.has_more else chunk + b"0\r\n\r\n"


async def _pass_on(body: _Body, send: Send, connection: HttpConnection) -> None:
    """Send the rest of the body while the answer comes; an answer before the whole body ends the connection."""
    uploading = asyncio.create_task(_upload(body, connection)) if body.has_more else None
    try:
        await _download(connection, send)
    finally:
        if uploading is not None and not uploading.done():
            uploading.cancel()
            connection.close()


async def _upload(body: _Body, connection: HttpConnection) -> None:
    try:
        while body.has_more:
            await connection.write(await body.next())
    except Exception as error:  # what it was is raised where the answer is waited for
        connection.fail(error)


async def _download(connection: HttpConnection, send: Send) -> None:
    head = await connection.head()
    await send({"type": "http.response.start", "status": head.status, "headers": head.headers})
    more = True
    while more:
        part, more = await connection.body()
        await send({"type": "http.response.body", "body": part, "more_body": more})
