"""Leaving without a lost request: all is still answered for a while, and every answer ends its connection (P16, SEC16)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import Busy


class Draining:
    """An app that can be told that its process is about to end.

    From then on it is not ready, so that no new connection comes to it; and whoever asks over an old one is told to take
    another next time. A caller that lets idle connections go before the drain is over never meets a closed one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_draining or scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        if scope["path"] == "/health/ready":
            await Busy("This process is about to end.").response()(scope, receive, send_last)
        else:
            await self._app(scope, receive, send_last)
