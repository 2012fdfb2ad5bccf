"""How long to wait for a service's answer: its time from when the body is there, and not at all once nobody waits."""

import asyncio
from types import TracebackType

from gateway.request_body import BODY_SECONDS, RequestBody

WATCH_AFTER_SECONDS = 0.05
"""Most answers are there sooner, and need nobody to watch the client."""


class Patience:
    """``async with Patience(body, seconds):`` raises TimeoutError inside when the time is over or the client is gone."""

    def __init__(self, body: RequestBody, seconds: float) -> None:
        self._body = body
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(seconds + (BODY_SECONDS if body.is_expected else 0))
        self._later: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        if self._body.is_expected:
            self._body.when_complete(self._begin)
        else:
            self._later = self._loop.call_later(WATCH_AFTER_SECONDS, self._watch)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._later is not None:
            self._later.cancel()
        if self._watching is not None:
            self._watching.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _begin(self) -> None:
        self._timeout.reschedule(self._loop.time() + self._seconds)
        self._later = self._loop.call_later(WATCH_AFTER_SECONDS, self._watch)

    def _watch(self) -> None:
        self._watching = self._loop.create_task(self._body.client_leaves())
        self._watching.add_done_callback(self._give_up)

    def _give_up(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled() and not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())
