"""The gateway's ASGI app: checks a request, finds out who sends it, and hands it on.

The proxied path touches no framework and parses no body; FastAPI serves the few routes that are the gateway's own.
"""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from gateway import home
from gateway.hygiene import SECURITY_HEADERS, Headers, check, client_address, household, incoming, outgoing
from gateway.limits.load import busy
from gateway.limits.priority import Priority
from gateway.limits.rates import Limit
from gateway.matching import Match, Matcher
from gateway.operators import api as operators
from gateway.patience import Patience
from gateway.request_body import BodyTimeout, RequestBody
from gateway.resources import GatewayResources, open_resources
from gateway.routes import ROUTES, Access, Route
from gateway.sessions import api as sessions
from gateway.settings import Settings
from gateway.stale_answers import AWAY, BUSY, TOGETHER, key_of
from shared.database import is_passing
from shared.http.app import health_router
from shared.http.identity import ANONYMOUS, HEADER, Kind, Principal
from shared.http.oversight import oversight_router
from shared.http.problems import Busy, Forbidden, Problem, Unauthenticated, install_problem_handlers
from shared.http.services import ServiceUnavailable
from shared.ids import new_id
from shared.process import serve
from shared.telemetry import door_span, traceparent

log = logging.getLogger(__name__)

DOCS = Path(__file__).parent / "docs"
_IDENTITY = HEADER.encode()
_BY_KIND = {
    Kind.ANONYMOUS: Limit.ANONYMOUS,
    Kind.MEMBER: Limit.MEMBER,
    Kind.OPERATOR: Limit.OPERATOR,
}


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
            except _ClientGone:
                return
            except Exception as error:
                if not exchange.is_complete:
                    problem = error if isinstance(error, Problem) else _failure(error, exchange)
                    await exchange.refuse(problem, scope)

    async def _handle(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        """Whoever is turned away costs as little as can be: who they are is found out later."""
        raw_path = scope.get("raw_path") or scope["path"].encode()
        headers = check(len(raw_path) + len(scope["query_string"]) + 1, scope["headers"])
        match = self._matcher.match(scope["method"], raw_path)
        load, route = self._resources.load, match.route
        if not load.admits(route.service, route.priority):
            await self._turn_away(scope, match, exchange)
            return
        with load.one_more(route.service):
            if route.access is Access.ANONYMOUS:
                caller = ANONYMOUS
            else:
                caller = await self._resources.authentication.caller(headers.get(b"authorization"))
            _admit(match, caller)
            with await self._within_limits(scope, route, caller):
                body = RequestBody(receive, headers, limit=route.max_body_bytes)
                await self._answer(scope, match, caller, body, exchange)

    async def _turn_away(self, scope: Scope, match: Match, exchange: "_Exchange") -> None:
        """Show what was there a moment ago; raises Busy where there is no such thing."""
        found = self._resources.stale_answers.find(_key_of(scope, match)) if match.route.is_kept else None
        if found is None:
            raise busy()
        await found.give(exchange.send, BUSY)

    async def _within_limits(
        self, scope: Scope, route: Route, caller: Principal
    ) -> AbstractContextManager[None]:
        """Count the request; what is returned lasts as long as it. Raises TooManyRequests."""
        limits = self._resources.caller_limits
        if route.priority is Priority.VITAL:
            return nullcontext()
        subject = caller.subject
        await limits.count(
            route.limit or _BY_KIND[caller.kind],
            household(self._address(scope)) if subject is None else str(subject),
        )
        return limits.one_more(subject) if caller.kind is Kind.MEMBER and subject else nullcontext()

    async def _answer(
        self, scope: Scope, match: Match, caller: Principal, body: RequestBody, exchange: "_Exchange"
    ) -> None:
        if match.route.service == "gateway":
            await self.own(self._own_scope(scope, match, caller), body.receive, exchange.send)
        else:
            passed = self._passed_headers(scope, match, caller, exchange.request_id)
            await self._forward(scope, match, passed, body, exchange)

    async def _forward(
        self, scope: Scope, match: Match, passed: Headers, body: RequestBody, exchange: "_Exchange"
    ) -> None:
        """Have the service answer, where that may be one answer for all who ask for it now.

        What it answered a moment ago has to do there while it does not answer.
        """
        if not match.route.is_kept:
            await self._ask(scope, match, passed, body, exchange.send)
            return
        stale, key = self._resources.stale_answers, _key_of(scope, match)
        if (found := await stale.fetched_by_another(key)) is not None:
            await found.give(exchange.send, TOGETHER)
            return
        try:
            with stale.fetching(key):
                await self._ask(scope, match, passed, body, stale.through(key, exchange.send))
        except ServiceUnavailable:
            found = stale.find(key)
            if exchange.is_begun or found is None:
                raise
            await found.give(exchange.send, AWAY)

    async def _ask(self, scope: Scope, match: Match, passed: Headers, body: RequestBody, send: Send) -> None:
        """Within the route's time, from when the body is there; stop when nobody waits."""
        service, breaker = match.route.service, self._resources.breaker
        unavailable = ServiceUnavailable(headers={"retry-after": "1"}, service=service)
        if not breaker.admits(service):
            raise unavailable
        try:
            async with Patience(body, match.route.seconds):
                await self._resources.upstreams.forward(
                    service, scope, match.upstream_path, passed, body.receive, send
                )
        except (TimeoutError, ServiceUnavailable) as error:
            if body.client_is_gone:
                raise _ClientGone from error
            breaker.failed(service)
            raise unavailable from error
        breaker.answered(service)

    def _passed_headers(self, scope: Scope, match: Match, caller: Principal, request_id: str) -> Headers:
        """The client's harmless headers, then ours, each exactly once (SEC5)."""
        headers = incoming(scope["headers"])
        headers.append((b"host", match.route.service.encode()))
        headers.append((_IDENTITY, self._resources.identity.mint(match.route.service, caller).encode()))
        headers.append((b"x-request-id", request_id.encode()))
        if (trace := traceparent()) is not None:
            headers.append((b"traceparent", trace.encode()))
        return headers

    def _own_scope(self, scope: Scope, match: Match, caller: Principal) -> Scope:
        """The gateway's own routes see the Authorization header and the client's address; services never do."""
        kept = [(name, value) for name, value in scope["headers"] if name == b"authorization"]
        return {
            **scope,
            "principal": caller,
            "path": unquote(match.upstream_path),
            "headers": incoming(scope["headers"]) + kept,
            "client": (self._address(scope), 0),
        }

    def _address(self, scope: Scope) -> str:
        return client_address(
            scope["client"][0] if scope.get("client") else "",
            [value for name, value in scope["headers"] if name == b"x-forwarded-for"],
            trusted_proxies=self._resources.settings.trusted_proxies,
        )


class _Failed(Problem):
    slug, title, status = "internal", "Something went wrong on our side", 500


class _ClientGone(Exception):
    """Nobody waits for the answer any more."""


class _Exchange:
    """One answer on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.is_begun = False
        self.is_complete = False

    async def send(self, message: Message) -> None:
        """Pass a message on, with the answer's headers cleaned and ours added."""
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = outgoing(message.get("headers", ()))
            headers += SECURITY_HEADERS
            headers.append((b"x-request-id", self.request_id.encode()))
            if (
                message["status"] == BodyTimeout.status
            ):  # the rest of the body would be read as the next request
                headers.append((b"connection", b"close"))
            message = {"type": message["type"], "status": message["status"], "headers": headers}
        else:
            self.is_complete = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, problem: Problem, scope: Scope) -> None:
        """Answer with a problem; an answer that has begun is cut off instead."""
        if self.is_begun:
            raise ConnectionError("the answer broke off") from problem

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await problem.response()(scope, nothing, self.send)


def _failure(error: Exception, exchange: _Exchange) -> Problem:
    """What a failure of our own looks like from outside: trouble that passes is no bug."""
    if is_passing(error):
        log.warning(
            "database busy or away", extra={"request_id": exchange.request_id, "error": repr(error)[:300]}
        )
        return Busy(headers={"retry-after": "1"})
    log.error("request failed", exc_info=error, extra={"request_id": exchange.request_id})
    return _Failed()


def _key_of(scope: Scope, match: Match) -> str:
    return key_of(match.upstream_path, scope["query_string"].decode("latin-1"))


def _admit(match: Match, caller: Principal) -> None:
    """Raises Unauthenticated or Forbidden unless the caller may use the route; default deny."""
    route = match.route
    if route.access in (Access.PUBLIC, Access.ANONYMOUS):
        return
    wanted = Kind.MEMBER if route.access is Access.MEMBER else Kind.OPERATOR
    if caller.kind is not wanted:
        raise Unauthenticated()
    if route.access is Access.OPERATOR and not caller.roles & route.roles:
        raise Forbidden(f"This needs one of the roles {', '.join(sorted(route.roles))}.")


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
    for router in (sessions.router, operators.router, home.router, oversight_router()):
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
