"""Handing a checked request on to its service, streaming both ways and parsing nothing."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol
from urllib.parse import unquote

import aiohttp
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL

from gateway.hygiene import Headers
from shared.http.services import ServiceUnavailable

_PATIENT = aiohttp.ClientTimeout(total=None)
# What aiohttp would add by itself: a service is to see what the client sent.
_ADDED_BY_AIOHTTP = ("accept", "accept-encoding", "user-agent", "content-type")


class Upstreams(Protocol):
    """The services behind the gateway; how long to wait is the caller's business."""

    async def forward(
        self, service: str, scope: Scope, path: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Send the request of ``scope`` to the percent-encoded ``path`` of a service and its answer to ``send``.

        Raises ServiceUnavailable when the service cannot be reached or its answer breaks off, and what ``receive`` raised.
        """
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


class RemoteUpstreams:
    """The services' processes, over keep-alive connections."""

    def __init__(self, urls: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._session = session

    async def forward(
        self, service: str, scope: Scope, path: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        query = scope["query_string"].decode("latin-1")
        url = URL(self._urls[service] + path + (f"?{query}" if query else ""), encoded=True)
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        body = _Body(receive)
        try:
            async with self._session.request(
                scope["method"],
                url,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
                data=body.chunks() if has_body else None,
                timeout=_PATIENT,
                allow_redirects=False,
                skip_auto_headers=_ADDED_BY_AIOHTTP,
            ) as response:
                await send(
                    {
                        "type": "http.response.start",
                        "status": response.status,
                        "headers": list(response.raw_headers),
                    }
                )
                async for chunk in response.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except aiohttp.ClientError as error:
            if body.failure is not None:
                raise body.failure from error
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error


class _Body:
    """A request's body for aiohttp, which wraps what goes wrong in reading it: ``failure`` is the thing itself."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.failure: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                message = await self._receive()
            except Exception as error:
                self.failure = error
                raise
            if message["type"] == "http.disconnect":
                raise aiohttp.ClientConnectionError("the client went away")
            more = message.get("more_body", False)
            if chunk := message.get("body"):
                yield chunk
