"""How a faulty call is answered: late, never, cut off, refused, or in a way that nobody should believe."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.faults import CallAction, Errcode, Mangled, Refusal, Silent, Slow
from simulator.pay.seals import Seal

Answer = Callable[[Seal], Awaitable[Response]]


async def misbehave(
    request: Request,
    action: CallAction | None,
    answer: Answer,
    refuse: Callable[[Refusal | Errcode], Response],
) -> Response:
    """Answer a call as the fault wants it; without one, simply answer. `refuse` speaks the API's own dialect."""
    match action:
        case None:
            return await answer(Seal.GOOD)
        case Mangled(kind="truncated"):
            return _Truncated(await answer(Seal.GOOD))
        case Mangled(kind=kind):
            return await answer(Seal(kind))
        case Slow(seconds=seconds, effect=False):
            await asyncio.sleep(seconds)
            return await answer(Seal.GOOD)
        case Slow(seconds=seconds):
            response = await answer(Seal.GOOD)
            await asyncio.sleep(seconds)
            return response
    if action.effect:
        await answer(Seal.GOOD)
    match action:
        case Silent(kind="hang"):
            await _until_gone(request.receive)
            return Response()
        case Silent():
            return _Reset()
        case Refusal() | Errcode():
            return refuse(action)


class _Truncated(Response):
    """The head of an answer, half of its body, and the end of the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self._whole.body)
        await send(
            {
                "type": "http.response.start",
                "status": self._whole.status_code,
                "headers": self._whole.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        scope["transport"]().close()
        await _until_gone(receive)


class _Reset(Response):
    """A TCP reset instead of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope["transport"]()
        # Lingering for zero seconds makes the kernel send RST rather than FIN.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
        await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class TransportAtHand:
    """ASGI wrapper that lets the faults reach the connection under a request (uvicorn's, by its cycle)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["transport"] = lambda: send.__self__.transport  # type: ignore[attr-defined]
        await self.app(scope, receive, send)
