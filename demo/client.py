"""A client of the shop's public API, as a mini-program or a console has one."""

import asyncio
import json
from typing import Any

import httpx

from shared.ids import new_id

BUSY, TOO_MANY = 503, 429
BUSY_TRIES = 20
BUSY_PAUSE_SECONDS = 0.5
"""A busy shop says so and has changed nothing, or knows the Idempotency-Key: the same request may come again."""


class Refused(Exception):
    """The shop refused a request; ``slug`` names the problem."""

    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(
            f"{method} {path} → {status} {problem.get('title', '')} {problem.get('detail', '')}".strip()
        )
        self.status = status
        self.problem = problem

    @property
    def slug(self) -> str:
        """Which refusal it is, e.g. ``catalog/insufficient-stock``."""
        return str(self.problem.get("type", "")).removeprefix("/problems/")


class Client:
    """Somebody in front of the gateway; logged in once ``token`` is set."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.token: str | None = None
        self.calls = 0

    async def get(self, path: str, **query: Any) -> Any:
        """Read something."""
        return await self._send(
            "GET", path, params={name: value for name, value in query.items() if value is not None}
        )

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Do something; ``key`` is the Idempotency-Key, made for this call when it is None."""
        headers = {"idempotency-key": key or str(new_id())}
        return await self._send("POST", path, json=body, headers=headers)

    async def put(self, path: str, body: Any) -> Any:
        """Set something."""
        return await self._send("PUT", path, json=body)

    async def put_bytes(self, path: str, body: bytes, *, content_type: str) -> Any:
        """Upload something."""
        return await self._send("PUT", path, content=body, headers={"content-type": content_type})

    async def post_bytes(self, path: str, body: bytes, *, headers: dict[str, str]) -> Any:
        """Send something as it is, for example with a signature over it."""
        return await self._send("POST", path, content=body, headers=headers)

    async def patch(self, path: str, body: Any) -> Any:
        """Change something."""
        return await self._send("PATCH", path, json=body)

    async def delete(self, path: str) -> Any:
        """Remove something."""
        return await self._send("DELETE", path)

    async def _send(self, method: str, path: str, **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        self.calls += 1
        status, body = await self._exchange(method, path, headers, **more)
        for _ in range(BUSY_TRIES):
            if status not in (BUSY, TOO_MANY):
                break
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
            status, body = await self._exchange(method, path, headers, **more)
        value = json.loads(body) if body else None
        if status >= 400:
            raise Refused(method, path, status, value if isinstance(value, dict) else {})
        return value

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], **more: Any
    ) -> tuple[int, bytes]:
        answer = await self._http.request(method, path, headers=headers, **more)
        return answer.status_code, answer.content
