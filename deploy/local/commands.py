"""Commands that work once, on a shop of their own, and then end."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from deploy.local.folder import LocalServerError
from shared.process import run

T = TypeVar("T")


def run_command(work: Coroutine[Any, Any, T]) -> T:
    """What comes of a command's work; SIGTERM and Ctrl-C end it in order.

    Ends the process with what to do when a server cannot be had, and with 130 when it was told to stop.
    """
    found: list[T] = []

    async def once() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        found.append(await work)

    try:
        run(once())
    except LocalServerError as error:
        sys.exit(f"\n{error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    return found[0]
