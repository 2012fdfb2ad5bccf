"""Waiting for something, but not for ever."""

import asyncio


async def is_set(event: asyncio.Event, *, within: float) -> bool:
    """Whether an event is set, now or within so many seconds; returns as soon as it is."""
    try:
        async with asyncio.timeout(within):
            return await event.wait()
    except TimeoutError:
        return False
