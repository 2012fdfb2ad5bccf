"""What is read with every order and changes once a month is read once a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")

REMEMBERED_SECONDS = 1.0


class Remembered(Generic[V]):
    """A value as ``read`` found it up to a second ago; a change in this process is seen at once (``forget``)."""

    def __init__(self, read: Callable[[], Awaitable[V]]) -> None:
        self._read = read
        self._known: tuple[V, float] | None = None
        self._changes = 0

    async def get(self) -> V:
        """The value; raises what ``read`` raised."""
        now, changes = asyncio.get_running_loop().time(), self._changes
        if self._known is not None and now - self._known[1] < REMEMBERED_SECONDS:
            return self._known[0]
        value = await self._read()
        if changes == self._changes:
            self._known = value, now
        return value

    def forget(self) -> None:
        """The value has changed: to be called after the commit."""
        self._known = None
        self._changes += 1
