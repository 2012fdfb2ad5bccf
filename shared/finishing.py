"""Stopping without leaving things half done (P16)."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STOP_SECONDS = 20.0


async def finish(work: Coroutine[Any, Any, T], *, seconds: float) -> T:
    """Await work that a cancellation should not cut short: when cancelled, it gets some seconds to end by itself."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=seconds)
        raise
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
