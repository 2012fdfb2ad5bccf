"""From when to when an app takes part: once it is prepared, until its process is about to end (P16, SEC16, 4.E)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import Busy


class Readiness:
    """An app that answers ``/health/ready`` for itself only between its preparation and its drain.

    While it drains, no new connection comes to it, and whoever asks over an old one is told to take another next time. A
    caller that lets idle connections go before the drain is over never meets a closed one: no request is lost.
    """

    def __init__(self, app: ASGIApp, *, prepared: asyncio.Event | None = None) -> None:
        self._app = app
        self._prepared = prepared
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self.is_draining:
            send = _last(send)
        if scope["path"] == "/health/ready" and (reason := self._why_not()):
            await Busy(reason).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _why_not(self) -> str | None:
        if self.is_draining:
            return "This process is about to end."
        if self._prepared is not None and not self._prepared.is_set():
            return "This process is not prepared yet."
        return None


def _last(send: Send) -> Send:
    """Sends an answer that ends its connection."""

    async def send_last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return send_last
