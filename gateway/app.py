"""The gateway's ASGI app: checks a request, finds out who sends it, and hands it on.

The proxied path touches no framework and parses no body; FastAPI serves the few routes that are the gateway's own.
"""

import asyncio
import logging
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from gateway import home
from gateway.hygiene import SECURITY_HEADERS, Headers, check, incoming, outgoing
from gateway.matching import Match, Matcher
from gateway.operators import api as operators
from gateway.resources import GatewayResources, open_resources
from gateway.routes import ROUTES, Access
from gateway.sessions import api as sessions
from gateway.settings import Settings
from shared.http.app import health_router
from shared.http.bodies import BodyTooLarge
from shared.http.identity import ANONYMOUS, HEADER, Kind, Principal
from shared.http.problems import Forbidden, Problem, Unauthenticated, install_problem_handlers
from shared.ids import new_id
from shared.process import serve
from shared.telemetry import door_span, traceparent

log = logging.getLogger(__name__)

BODY_SECONDS = 20.0
DOCS = Path(__file__).parent / "docs"
_IDENTITY = HEADER.encode()


class BodyTimeout(Problem):
    """The body did not arrive in time."""

    slug, title, status = "body-timeout", "The request body took too long", 408


class Gateway:
    """The door of the shop."""

    def __init__(self, resources: GatewayResources) -> None:
        self._resources = resources
        self._matcher = Matcher(ROUTES)
        self.own = _own_app(resources)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = _Exchange(send, str(new_id()))
        with door_span(f"{scope['method']} gateway", None):
            try:
                await self._handle(scope, receive, exchange)
            except Problem as problem:
                await exchange.refuse(problem, scope)
            except Exception:
                log.exception("request failed", extra={"request_id": exchange.request_id})
                await exchange.refuse(_Failed(), scope)

    async def _handle(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        raw_path = scope.get("raw_path") or scope["path"].encode()
        headers = check(len(raw_path) + len(scope["query_string"]) + 1, scope["headers"])
        match = self._matcher.match(scope["method"], raw_path)
        route = match.route
        if route.access is Access.CALLBACK:
            caller = ANONYMOUS
        else:
            caller = await self._resources.authentication.caller(headers.get(b"authorization"))
        _admit(match, caller)
        body = _limited(receive, headers.get(b"content-length"), route.max_body_bytes)
        passed = self._passed_headers(scope, match, caller, exchange.request_id)
        if route.service == "gateway":
            inner = {
                **scope,
                "principal": caller,
                "path": match.upstream_path,
                "headers": _own_headers(scope),
            }
            await self.own(inner, body, exchange.send)
            return
        await self._resources.upstreams.forward(
            route.service, scope, match.upstream_path, passed, body, exchange.send, seconds=route.seconds
        )

    def _passed_headers(self, scope: Scope, match: Match, caller: Principal, request_id: str) -> Headers:
        """The client's harmless headers, then ours, each exactly once (SEC5)."""
        headers = incoming(scope["headers"])
        headers.append((b"host", match.route.service.encode()))
        headers.append((_IDENTITY, self._resources.identity.mint(match.route.service, caller).encode()))
        headers.append((b"x-request-id", request_id.encode()))
        if (trace := traceparent()) is not None:
            headers.append((b"traceparent", trace.encode()))
        return headers


class _Failed(Problem):
    slug, title, status = "internal", "Something went wrong on our side", 500


class _Exchange:
    """One answer on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.started = False

    async def send(self, message: Message) -> None:
        """Pass a message on, with the answer's headers cleaned and ours added."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = outgoing(message.get("headers", ()))
            headers += SECURITY_HEADERS
            headers.append((b"x-request-id", self.request_id.encode()))
            message = {"type": message["type"], "status": message["status"], "headers": headers}
        await self._send(message)

    async def refuse(self, problem: Problem, scope: Scope) -> None:
        """Answer with a problem; an answer that has begun is cut off instead."""
        if self.started:
            raise ConnectionError("the answer broke off") from problem

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await problem.response()(scope, nothing, self.send)


def _admit(match: Match, caller: Principal) -> None:
    """Raises Unauthenticated or Forbidden unless the caller may use the route; default deny."""
    route = match.route
    if route.access in (Access.PUBLIC, Access.CALLBACK):
        return
    wanted = Kind.MEMBER if route.access is Access.MEMBER else Kind.OPERATOR
    if caller.kind is not wanted:
        raise Unauthenticated()
    if route.access is Access.OPERATOR and not caller.roles & route.roles:
        raise Forbidden(f"This needs one of the roles {', '.join(sorted(route.roles))}.")


def _limited(receive: Receive, content_length: bytes | None, limit: int) -> Receive:
    """The body's messages, refused beyond the route's size or after 20 s (SEC6)."""
    if content_length is not None and (not content_length.isdigit() or int(content_length) > limit):
        raise BodyTooLarge(f"At most {limit} bytes.")
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + BODY_SECONDS
    size = 0
    done = False

    async def limited() -> Message:
        nonlocal size, done
        if done:
            return await receive()
        try:
            async with asyncio.timeout_at(ends_at):
                message = await receive()
        except TimeoutError as error:
            raise BodyTimeout(f"At most {BODY_SECONDS:.0f} s.") from error
        size += len(message.get("body", b""))
        if size > limit:
            raise BodyTooLarge(f"At most {limit} bytes.")
        done = not message.get("more_body", False)
        return message

    return limited


def _own_headers(scope: Scope) -> Headers:
    """The gateway's own routes see the Authorization header; services never do."""
    kept = [(name, value) for name, value in scope["headers"] if name == b"authorization"]
    return incoming(scope["headers"]) + kept


def _own_app(resources: GatewayResources) -> FastAPI:
    """The gateway's own routes: logins, operators, home, health, documents."""
    app = FastAPI(
        title="Jishi gateway",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.resources = resources
    install_problem_handlers(app)
    for router in (sessions.router, operators.router, home.router):
        app.include_router(router)
    app.include_router(health_router(resources))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(DOCS / "index.html")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> FileResponse:
        return FileResponse(DOCS / "openapi.json")

    app.mount("/docs", StaticFiles(directory=DOCS))
    return app


def create_app(resources: GatewayResources) -> Gateway:
    """The gateway over its resources."""
    return Gateway(resources)


def main() -> None:
    """Serve the gateway."""
    serve("gateway", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
