"""The FastAPI app of one service: identity on every route, problems, traces, health."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from sqlalchemy import text
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.database import reading
from shared.http.announced import announced_router
from shared.http.bodies import StrictRoute
from shared.http.identity import HEADER, Identity, IdentityRefused
from shared.http.oversight import oversight_router
from shared.http.problems import Busy, Unauthenticated, install_problem_handlers
from shared.resources import Resources
from shared.telemetry import door_span

FASTAPI_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}
"""FastAPI's own telemetry is off: it halves the rate once a trace provider is set, and our doors open the spans."""


def create_service_app(resources: Resources, *routers: APIRouter, title: str) -> FastAPI:
    """An app that serves the routers of a service's capabilities; ``resources`` is at ``app.state.resources``."""
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        separate_input_output_schemas=False,
        telemetry=FASTAPI_TELEMETRY,
    )
    app.state.resources = resources
    install_problem_handlers(app)
    # each route is asked in turn, so what shoppers wait for comes first
    add_routes(app, *routers, health_router(resources), announced_router(resources), oversight_router())
    app.add_middleware(IdentityMiddleware, identity=resources.identity)
    return app


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routes of routers as they are.

    Routers that FastAPI includes are asked twice, at twice the cost a route: 20 to 40 µs of each request.
    """
    for router in routers:
        app.router.routes += router.routes


def service_router(prefix: str = "", tags: Sequence[str] = ()) -> APIRouter:
    """A router whose bodies are strict and bounded."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=StrictRoute)


def health_router(resources: Resources) -> APIRouter:
    """Liveness and readiness, reachable without an identity."""
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> Response:
        """The event loop turns."""
        return JSONResponse({"status": "live"})

    @router.get("/ready")
    async def ready() -> Response:
        """Our own database answers (SEC16: not the broker, not other services)."""
        try:
            async with reading(resources.engine) as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:
            raise Busy("The database does not answer.") from error
        return JSONResponse({"status": "ready"})

    return router


class IdentityMiddleware:
    """Verifies the internal identity of each request and opens its span; plain identity headers mean nothing."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/health/"):
            await self._app(scope, receive, send)
            return
        token = parent = None
        for name, value in scope["headers"]:
            if name == _HEADER:
                token = value.decode("latin-1")
            elif name == b"traceparent":
                parent = value.decode("latin-1")
        try:
            scope["principal"] = self._identity.verify(token)
        except IdentityRefused:
            await Unauthenticated().response()(scope, receive, send)
            return
        with door_span(f"{scope['method']} {self._identity.name}", parent):
            await self._app(scope, receive, send)


_HEADER = HEADER.encode()
