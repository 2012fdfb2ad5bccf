"""Calls to a shop and its simulator, one after another, while nothing is measured."""

import asyncio
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.generator.connection import Answer, Connection, encoded

BUSY = (429, 503)
TRIES = 40
PAUSE_SECONDS = 0.25


class Refused(Exception):
    """The shop did not do what a benchmark needs."""


class Api:
    """Somebody in front of a server; logged in once ``token`` is set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token: str | None = None
        parts = urlsplit(url)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self._connection = Connection(self.host, self.port)

    async def get(self, path: str, **query: Any) -> Any:
        """Read a document; raises Refused."""
        return (await self.answer("GET", path + (f"?{urlencode(query)}" if query else ""))).json()

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Do something; raises Refused."""
        return (await self.answer("POST", path, body, key=key)).json()

    async def put(self, path: str, body: Any) -> Any:
        """Set something; raises Refused."""
        return (await self.answer("PUT", path, body)).json()

    async def answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        """The answer to a call, which is made again while the server is busy; raises Refused for any but 2xx."""
        request = encoded(
            method,
            path,
            host=f"{self.host}:{self.port}",
            body=body,
            token=self.token,
            key=key,
            headers=headers,
        )
        for _ in range(TRIES):
            answer = await self._connection.exchange(request)
            if answer.status not in BUSY:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if not 200 <= answer.status < 300:
            raise Refused(f"{method} {self.url}{path} → {answer.status} {answer.body[:500]!r}")
        return answer

    def close(self) -> None:
        """Let go of the server."""
        self._connection.close()
