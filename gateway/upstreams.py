"""Handing a checked request on to its service, streaming both ways and parsing nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL

from gateway.hygiene import Headers
from shared.http.services import ServiceUnavailable


class Upstreams(Protocol):
    """The services behind the gateway."""

    async def forward(
        self,
        service: str,
        scope: Scope,
        path: str,
        headers: Headers,
        receive: Receive,
        send: Send,
        *,
        seconds: float,
    ) -> None:
        """Send the request of ``scope`` to ``path`` of a service and its answer to ``send``.

        Raises ServiceUnavailable when no answer began in time.
        """
        ...


class LocalUpstreams:
    """The services' own ASGI apps in this process."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def forward(
        self,
        service: str,
        scope: Scope,
        path: str,
        headers: Headers,
        receive: Receive,
        send: Send,
        *,
        seconds: float,
    ) -> None:
        inner: Scope = {
            "type": "http",
            "asgi": scope["asgi"],
            "http_version": "1.1",
            "method": scope["method"],
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": scope["query_string"],
            "root_path": "",
            "headers": headers,
            "server": (service, 80),
            "client": scope.get("client"),
            "state": {},
        }
        try:
            async with asyncio.timeout(seconds):
                await self._apps[service](inner, receive, send)
        except TimeoutError as error:
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error


class RemoteUpstreams:
    """The services' processes, over keep-alive connections."""

    def __init__(self, urls: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._session = session

    async def forward(
        self,
        service: str,
        scope: Scope,
        path: str,
        headers: Headers,
        receive: Receive,
        send: Send,
        *,
        seconds: float,
    ) -> None:
        query = scope["query_string"].decode("latin-1")
        url = URL(self._urls[service] + path + (f"?{query}" if query else ""), encoded=True)
        sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        try:
            async with self._session.request(
                scope["method"],
                url,
                headers=sent,
                data=_body(receive) if has_body else None,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
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
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise aiohttp.ClientConnectionError("the client went away")
        more = message.get("more_body", False)
        if chunk := message.get("body"):
            yield chunk
