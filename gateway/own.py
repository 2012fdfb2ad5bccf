"""The gateway's own routes, by FastAPI: logins, operators, home, health, documents."""

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from gateway import home
from gateway.operators import api as operators
from gateway.resources import GatewayResources
from gateway.sessions import api as sessions
from shared.http.app import FASTAPI_TELEMETRY, add_routes, health_router
from shared.http.oversight import oversight_router
from shared.http.problems import install_problem_handlers

DOCS = Path(__file__).parent / "docs"


def own_app(resources: GatewayResources) -> FastAPI:
    """An app that gets the requests that are neither refused nor another service's."""
    app = FastAPI(
        title="Jishi gateway",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=FASTAPI_TELEMETRY,
    )
    app.state.resources = resources
    install_problem_handlers(app)
    add_routes(
        app, sessions.router, operators.router, home.router, oversight_router(), health_router(resources)
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(DOCS / "index.html")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> FileResponse:
        return FileResponse(DOCS / "openapi.json")

    app.mount("/docs", StaticFiles(directory=DOCS))
    return app
