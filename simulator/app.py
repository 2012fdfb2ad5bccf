"""The simulator as one ASGI application: both WeChat servers, the control API and the buyer's page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from simulator.books import Books
from simulator.clock import Clock
from simulator.control.routes import routes as control_routes
from simulator.faults import Faults
from simulator.merchant import generate, load
from simulator.mini.routes import routes as mini_routes
from simulator.misbehaviour import TransportAtHand
from simulator.pay.postman import Postman
from simulator.pay.routes import routes as pay_routes
from simulator.pay.seals import Seals
from simulator.platform import Platform
from simulator.settings import Rules, SimulatorSettings

PAGE = Path(__file__).parent / "page"


def create_app(settings: SimulatorSettings) -> ASGIApp:
    """The simulator over the keys and books in `settings.folder`, both made when they are not there yet."""
    generate(settings.folder)
    platform = open_platform(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Kept for less than any shop keeps it: a notice that meets a connection's end comes only 15 s later.
        connector = aiohttp.TCPConnector(keepalive_timeout=5)
        async with aiohttp.ClientSession(connector=connector) as client:
            postman = Postman(platform, client)
            app.state.platform, app.state.postman = platform, postman
            work = asyncio.create_task(postman.run())
            yield
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        platform.seals.close()
        platform.books.close()

    routes = [
        *mini_routes,
        *pay_routes,
        Mount("/_control", routes=control_routes),
        *(Route(f"/{path}", _file(path or "index.html")) for path in ("", "page.css", "page.js")),
    ]
    return TransportAtHand(
        Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _empty})
    )


def open_platform(settings: SimulatorSettings) -> Platform:
    """The platform as its books left it: clock, rules, certificate in use."""
    merchant = load(settings.folder)
    books = Books(settings.folder / "books.sqlite")
    clock = Clock(offset_seconds=books.kept("clock_offset_seconds", 0.0))
    clock.signs_by_system_clock = books.kept("signs_by_system_clock", False)
    return Platform(
        settings=settings,
        rules=Rules.model_validate(books.kept("rules", {})),
        merchant=merchant,
        books=books,
        clock=clock,
        seals=Seals(merchant, books, clock),
        faults=Faults(),
    )


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return FileResponse(PAGE / name)

    return answer


async def _empty(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods answer with nothing but their status (wechat.md 5.12)."""
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code, headers=error.headers)
