"""Calls between our own processes: one port, a direct ASGI await inside one process, HTTP between processes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from starlette.types import ASGIApp, Message, Scope

from shared.http.breaker import Breaker
from shared.http.connections import REPEATABLE, HttpConnection, HttpPool, Lost, encoded_head
from shared.http.identity import HEADER, Identity, Principal
from shared.http.problems import MEDIA_TYPE, Problem, UpstreamProblem
from shared.telemetry import child_span, traceparent

BROWSE_SECONDS = 2.0
CHECKOUT_SECONDS = 5.0
MOST_ANSWER_BYTES = 4 * 1024 * 1024
"""An answer is kept in memory whole; none of ours comes near so much."""


class ServiceUnavailable(Problem):
    """Another part of the shop does not answer; nothing is known of the outcome."""

    slug, title, status = "service-unavailable", "A part of the shop is not available right now", 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The JSON body; raises UpstreamProblem when the call was refused, ServiceUnavailable when it failed."""
        if self.status >= 500:
            raise ServiceUnavailable(headers={"retry-after": "1"})
        value = orjson.loads(self.body) if self.body else None
        if self.status >= 400:
            raise UpstreamProblem(self.status, value if isinstance(value, dict) else {"status": self.status})
        return value


class Exchange(Protocol):
    """Carries one request to a service and its answer back."""

    async def send(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes, *, seconds: float
    ) -> Answer:
        """Send a request; raises ServiceUnavailable when no answer came in time."""
        ...


class Services:
    """How one process calls the others: with its own identity and the rights of the person it acts for (SEC3)."""

    def __init__(self, identity: Identity, exchange: Exchange) -> None:
        self._identity = identity
        self._exchange = exchange

    async def call(
        self,
        service: str,
        method: str,
        target: str,
        *,
        on_behalf_of: Principal,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = CHECKOUT_SECONDS,
    ) -> Answer:
        """Call ``target`` (path and query) of a service on behalf of someone."""
        sent = {
            HEADER: self._identity.mint(service, on_behalf_of),
            "accept": "application/json",
            **(headers or {}),
        }
        if (trace := traceparent()) is not None:
            sent["traceparent"] = trace
        body = b""
        if json is not None:
            sent["content-type"] = "application/json"
            body = orjson.dumps(json, default=str)
        with child_span(f"{method} {service}{target.partition('?')[0]}"):
            return await self._exchange.send(service, method, target, sent, body, seconds=seconds)


class LocalExchange:
    """Awaits the sibling's ASGI app in this process."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self.apps = apps

    async def send(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes, *, seconds: float
    ) -> Answer:
        path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "server": (service, 80),
            "client": ("127.0.0.1", 0),
            "state": {},
        }
        incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        outgoing: list[Message] = []

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def send(message: Message) -> None:
            outgoing.append(message)

        if (app := self.apps.get(service)) is None:
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service)
        try:
            async with asyncio.timeout(seconds):
                await app(scope, receive, send)
        except TimeoutError as error:
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error
        except Exception:  # a failing app answers 500, then raises for its server's log
            if not outgoing or outgoing[0]["status"] < 500:
                raise
        start = outgoing[0]
        return Answer(
            start["status"],
            {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in outgoing[1:]),
        )


class RemoteExchange:
    """Sends over kept-alive HTTP connections; one that was just closed is no failure where asking twice does no harm."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._pools = {service: HttpPool(url) for service, url in urls.items()}
        self._breaker = Breaker()

    async def send(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes, *, seconds: float
    ) -> Answer:
        if not self._breaker.admits(service):
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service)
        sent = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        sent += (b"host", service.encode()), (b"content-length", b"%d" % len(body))
        request = encoded_head(method, target.encode("ascii"), sent) + body
        try:
            async with asyncio.timeout(seconds):
                answer = await self._pools[service].ask(
                    request, _whole_answer, may_repeat=method in REPEATABLE
                )
        except (Lost, TimeoutError) as error:
            self._breaker.failed(service)
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error
        self._breaker.answered(service)
        return answer

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()


async def _whole_answer(connection: HttpConnection) -> Answer:
    """Raises Lost when it breaks off or grows too long."""
    status, headers = await connection.head()
    parts, size, more = list[bytes](), 0, True
    while more:
        part, more = await connection.body()
        parts.append(part)
        size += len(part)
        if size > MOST_ANSWER_BYTES:
            raise Lost("the answer is too long")
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    return Answer(status, found, b"".join(parts))


def is_problem(answer: Answer) -> bool:
    """Whether an answer is a problem document."""
    return answer.headers.get("content-type", "").startswith(MEDIA_TYPE)
