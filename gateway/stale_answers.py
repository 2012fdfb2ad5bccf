"""What shoppers saw a moment ago is shown again while its service is away or too busy: at most a minute old, and marked.

And what many ask for at the same moment is fetched once (4.E).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Message, Send

from gateway.hygiene import Headers

KEEP_SECONDS = 60.0
MOST_ANSWERS = 2_000
MOST_BYTES = 256 * 1024
"""A longer answer is not kept."""


AWAY = b"gateway; hit; detail=stale-if-error"
BUSY = b"gateway; hit; detail=stale-while-busy"
TOGETHER = b"gateway; fwd=miss; collapsed"
"""Why an answer came from here, in the words of RFC 9211."""


def key_of(path: str, query: str = "") -> str:
    """Under which an answer is remembered."""
    return f"{path}?{query}"


@dataclass(frozen=True, slots=True)
class StaleAnswer:
    """An answer as it was given, and when (``time.monotonic``)."""

    headers: Headers
    body: bytes
    given_at: float

    async def give(self, send: Send, why: bytes) -> None:
        """Answer with it once more, with its age in seconds."""
        age = str(int(time.monotonic() - self.given_at)).encode()
        headers = [*self.headers, (b"age", age), (b"cache-status", why)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class StaleAnswers:
    """The last good answers of the routes that are kept, by path and query; the same for everybody."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, StaleAnswer] = OrderedDict()
        self._fetching: dict[str, asyncio.Event] = {}

    def find(self, key: str) -> StaleAnswer | None:
        """What was answered lately."""
        found = self._kept.get(key)
        return found if found is not None and time.monotonic() - found.given_at < KEEP_SECONDS else None

    def keep(self, key: str, headers: Headers, body: bytes) -> None:
        """Remember an answer; the oldest is forgotten when there are too many."""
        self._kept.pop(key, None)
        self._kept[key] = StaleAnswer(headers, body, time.monotonic())
        if len(self._kept) > MOST_ANSWERS:
            self._kept.popitem(last=False)

    @contextmanager
    def fetching(self, key: str) -> Iterator[None]:
        """Within the block an answer is fetched for all who ask for it from now on."""
        fetched = self._fetching[key] = asyncio.Event()
        try:
            yield
        finally:
            fetched.set()
            if self._fetching.get(key) is fetched:
                del self._fetching[key]

    async def fetched_by_another(self, key: str) -> StaleAnswer | None:
        """The good answer that somebody else is just fetching; None when nobody is, or it came to nothing."""
        if (fetched := self._fetching.get(key)) is None:
            return None
        asked_at = time.monotonic()
        await fetched.wait()
        found = self._kept.get(key)
        return found if found is not None and found.given_at >= asked_at else None

    def through(self, key: str, send: Send) -> Send:
        """Passes an answer on and remembers a good one; instead of a failure it gives what there is."""
        return _Passing(self, key, send).send


class _Passing:
    """One answer on its way from the service to the client."""

    def __init__(self, answers: StaleAnswers, key: str, send: Send) -> None:
        self._answers = answers
        self._key = key
        self._send = send
        self._headers: Headers | None = None
        self._parts: list[bytes] = []
        self._is_replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif not self._is_replaced:
            self._remember(message)
            await self._send(message)

    async def _start(self, message: Message) -> None:
        if message["status"] >= 500 and (stale := self._answers.find(self._key)) is not None:
            self._is_replaced = True
            await stale.give(self._send, AWAY)
            return
        headers = list(message["headers"])
        if message["status"] == 200 and all(name != b"content-encoding" for name, _ in headers):
            self._headers = headers
        await self._send(message)

    def _remember(self, message: Message) -> None:
        if self._headers is None:
            return
        self._parts.append(message.get("body", b""))
        if sum(map(len, self._parts)) > MOST_BYTES:
            self._headers = None
        elif not message.get("more_body", False):
            self._answers.keep(self._key, self._headers, b"".join(self._parts))
