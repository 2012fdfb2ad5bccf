"""The client's end of a request: its body, bounded in size and time, then word of its going away (SEC6)."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.types import Message, Receive

from shared.http.bodies import BodyTooLarge
from shared.http.problems import Problem

BODY_SECONDS = 20.0


class BodyTimeout(Problem):
    """The body did not arrive in time."""

    slug, title, status = "body-timeout", "The request body took too long", 408


class RequestBody:
    """What the client still sends after its request's head.

    ``receive`` is for the app that answers; it raises BodyTooLarge or BodyTimeout. Making one raises BodyTooLarge when
    the head announces too much.
    """

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes], *, limit: int) -> None:
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or len(length) > 12 or int(length) > limit):
            raise BodyTooLarge(f"At most {limit} bytes.")
        self.is_expected = b"transfer-encoding" in headers or length not in (None, b"0")
        self.client_is_gone = False
        self._receive = receive
        self._limit = limit
        self._size = 0
        self._ends_at = asyncio.get_running_loop().time() + BODY_SECONDS
        self._is_handed_over = False
        self._then: Callable[[], None] | None = None

    async def receive(self) -> Message:
        """The next part of the body; after its end, word that the client went away."""
        if self._is_handed_over:
            await self.client_leaves()
            return {"type": "http.disconnect"}
        message = await self._next() if self.is_expected else {"type": "http.request", "body": b""}
        if message["type"] == "http.disconnect":
            self.client_is_gone = True
        elif message.get("more_body", False):
            return message
        self._is_handed_over = True
        if self._then is not None:
            self._then()
        return message

    def when_complete(self, act: Callable[[], None]) -> None:
        """Have something done once the whole body has been handed over."""
        self._then = act

    async def client_leaves(self) -> None:
        """Return once the client is gone; to be awaited after the whole body."""
        while not self.client_is_gone:
            self.client_is_gone = (await self._receive())["type"] == "http.disconnect"

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError as error:
            raise BodyTimeout(f"At most {BODY_SECONDS:.0f} s.") from error
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            raise BodyTooLarge(f"At most {self._limit} bytes.")
        return message
