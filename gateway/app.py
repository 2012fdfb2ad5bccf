"""The gateway's ASGI app: checks a request, finds out who sends it, and hands it on.

The proxied path touches no framework and parses no body; FastAPI serves the few routes that are the gateway's own.
"""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from gateway.exchange import Exchange, Keeping
from gateway.hygiene import check, client_address, household, incoming
from gateway.kept_answers import AWAY, BUSY, FRESH, TOGETHER, Key
from gateway.limits.load import busy
from gateway.limits.priority import Priority
from gateway.limits.rates import Limit
from gateway.matching import Match, Matcher
from gateway.own import own_app
from gateway.patience import Patience
from gateway.request_body import RequestBody
from gateway.resources import GatewayResources, open_resources
from gateway.routes import ROUTES, Access, Route
from gateway.settings import Settings
from shared.database import is_passing
from shared.http.connections import Headers
from shared.http.identity import ANONYMOUS, HEADER, Kind, Principal
from shared.http.problems import Busy, Forbidden, Problem, Unauthenticated
from shared.http.services import ServiceUnavailable
from shared.process import serve
from shared.telemetry import door_span, traceparent

log = logging.getLogger(__name__)

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
        self.own = own_app(resources)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(send, str(uuid7()))
        with door_span(f"{scope['method']} gateway", None):
            try:
                await self._handle(scope, receive, exchange)
            except _ClientGone:
                return
            except Exception as error:
                if not exchange.is_complete:
                    problem = error if isinstance(error, Problem) else _failure(error, exchange)
                    await exchange.refuse(problem, scope)

    async def _handle(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        """Whoever is turned away costs as little as can be: who they are is found out later."""
        raw_path = scope.get("raw_path") or scope["path"].encode()
        headers = check(len(raw_path) + len(scope["query_string"]) + 1, scope["headers"])
        match = self._matcher.match(scope["method"], raw_path)
        load, route = self._resources.load, match.route
        page = _page(scope, match, headers)
        if page is not None:
            exchange.known_etags = headers.get(b"if-none-match")
            if await self._show_fresh(scope, route, page, headers, exchange):
                return
        if route.is_wait:
            place = load.one_held()
        elif await load.gets_in(route.service, route.priority, seconds=route.seconds):
            place = load.one_more(route.service)
        else:
            await self._turn_away(page, exchange)
            return
        with place:
            if route.access is Access.ANONYMOUS:
                caller = ANONYMOUS
            else:
                caller = await self._resources.authentication.caller(headers.get(b"authorization"))
            _admit(match, caller)
            with await self._within_limits(scope, route, caller):
                body = RequestBody(receive, headers, limit=route.max_body_bytes)
                request = _Request(scope, match, caller, body, exchange)
                if page is None:
                    await self._answer(request, exchange.send)
                else:
                    await self._show(request, page)

    async def _show_fresh(
        self, scope: Scope, route: Route, page: Key, headers: Mapping[bytes, bytes], exchange: Exchange
    ) -> bool:
        """Show a page of just now, if there is one: however much is under way, it costs no more than a refusal.

        A caller who would have to be looked up goes the long way.
        """
        found = self._resources.kept_answers.fresh(page)
        caller = self._resources.authentication.remembered(headers.get(b"authorization"))
        if found is None or caller is None:
            return False
        await self._count(scope, route, caller)
        await exchange.give(found, FRESH)
        return True

    async def _turn_away(self, page: Key | None, exchange: Exchange) -> None:
        """Show what was there a moment ago; raises Busy where there is no such thing."""
        found = None if page is None else self._resources.kept_answers.stale(page)
        if found is None:
            raise busy()
        await exchange.give(found, BUSY)

    async def _within_limits(
        self, scope: Scope, route: Route, caller: Principal
    ) -> AbstractContextManager[None]:
        """Count the request; what is returned lasts as long as it. Raises TooManyRequests."""
        if route.priority is Priority.VITAL:
            return nullcontext()
        await self._count(scope, route, caller)
        if caller.kind is Kind.MEMBER:
            return self._resources.caller_limits.one_more(caller.member_id)
        return nullcontext()

    async def _count(self, scope: Scope, route: Route, caller: Principal) -> None:
        subject = caller.subject
        await self._resources.caller_limits.count(
            route.limit or _BY_KIND[caller.kind],
            household(self._address(scope)) if subject is None else str(subject),
        )

    async def _show(self, request: "_Request", page: Key) -> None:
        """Answer with a page that is the same for all who ask for it now; in bad times with that of a moment ago."""
        answers, exchange = self._resources.kept_answers, request.exchange
        if (found := answers.fresh(page)) is not None:
            await exchange.give(found, FRESH)
            return
        if (found := await answers.fetched_by_another(page)) is not None:
            await exchange.give(found, TOGETHER)
            return
        try:
            with answers.fetching(page) as begun_at:
                await self._answer(request, Keeping(exchange, answers, page, begun_at=begun_at).send)
        except ServiceUnavailable:
            found = answers.stale(page)
            if exchange.is_begun or found is None:
                raise
            await exchange.give(found, AWAY)

    async def _answer(self, request: "_Request", send: Send) -> None:
        """Have the gateway's own app answer, or the service."""
        route = request.match.route
        if route.service == "gateway":
            await self.own(self._own_scope(request), request.body.receive, send)
            return
        try:
            await self._ask(request, send)
        finally:
            if route.changes_pages:
                self._resources.kept_answers.shop_changed()

    async def _ask(self, request: "_Request", send: Send) -> None:
        """Within the route's time, from when the body is there; stop when nobody waits."""
        match, body, breaker = request.match, request.body, self._resources.breaker
        service = match.route.service
        unavailable = ServiceUnavailable(headers={"retry-after": "1"}, service=service)
        if not breaker.admits(service):
            raise unavailable
        passed = self._passed_headers(request)
        try:
            async with Patience(body, match.route.seconds):
                await self._resources.upstreams.forward(
                    service, request.scope, match.upstream_path, passed, body.receive, send
                )
        except (TimeoutError, ServiceUnavailable) as error:
            if body.client_is_gone:
                raise _ClientGone from error
            breaker.failed(service)
            raise unavailable from error
        breaker.answered(service)

    def _passed_headers(self, request: "_Request") -> Headers:
        """The client's harmless headers, then ours, each exactly once (SEC5)."""
        service = request.match.route.service
        headers = incoming(request.scope["headers"])
        if request.exchange.known_etags is not None:
            headers = [(name, value) for name, value in headers if name != b"if-none-match"]
        headers.append((b"host", service.encode()))
        headers.append((_IDENTITY, self._resources.identity.mint(service, request.caller).encode()))
        headers.append((b"x-request-id", request.exchange.request_id.encode()))
        if (trace := traceparent()) is not None:
            headers.append((b"traceparent", trace.encode()))
        return headers

    def _own_scope(self, request: "_Request") -> Scope:
        """The gateway's own routes see the Authorization header and the client's address; services never do."""
        scope = request.scope
        kept = [(name, value) for name, value in scope["headers"] if name == b"authorization"]
        return {
            **scope,
            "principal": request.caller,
            "path": unquote(request.match.upstream_path),
            "headers": incoming(scope["headers"]) + kept,
            "client": (self._address(scope), 0),
        }

    def _address(self, scope: Scope) -> str:
        return client_address(
            scope["client"][0] if scope.get("client") else "",
            [value for name, value in scope["headers"] if name == b"x-forwarded-for"],
            trusted_proxies=self._resources.settings.trusted_proxies,
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that got in, and where its answer goes."""

    scope: Scope
    match: Match
    caller: Principal
    body: RequestBody
    exchange: Exchange


class _Failed(Problem):
    slug, title, status = "internal", "Something went wrong on our side", 500


class _ClientGone(Exception):
    """Nobody waits for the answer any more."""


def _failure(error: Exception, exchange: Exchange) -> Problem:
    """What a failure of our own looks like from outside: trouble that passes is no bug."""
    if is_passing(error):
        log.warning(
            "database busy or away", extra={"request_id": exchange.request_id, "error": repr(error)[:300]}
        )
        return Busy(headers={"retry-after": "1"})
    log.error("request failed", exc_info=error, extra={"request_id": exchange.request_id})
    return _Failed()


def _page(scope: Scope, match: Match, headers: Mapping[bytes, bytes]) -> Key | None:
    """Where the answer is kept, if it is the same for everybody who might ask."""
    route = match.route
    if not route.is_kept or (route.is_personal and b"authorization" in headers):
        return None
    return match.upstream_path, scope["query_string"]


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


def create_app(resources: GatewayResources) -> Gateway:
    """The gateway over its resources."""
    return Gateway(resources)


def main() -> None:
    """Serve the gateway."""
    serve("gateway", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
