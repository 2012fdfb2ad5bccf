"""Processes that can die at any moment and come back, within one event loop."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.loop import SimulatedLoop

_current: contextvars.ContextVar["Process"] = contextvars.ContextVar("process")
_life: contextvars.ContextVar[int] = contextvars.ContextVar("life")


class Killed(BaseException):
    """The process is dead: nothing of it reaches the outside any more."""


class Process:
    """Tasks that die together; `start` begins their work, at first and after every crash."""

    def __init__(self, name: str, start: Callable[["Process"], None] = lambda _: None) -> None:
        self.name = name
        self.is_alive = False
        self.lives = 0
        self.on_death: list[Callable[[], None]] = []
        self._start = start
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self) -> None:
        """Begin to live."""
        self.is_alive, self.lives = True, self.lives + 1
        self._start(self)

    def kill(self) -> None:
        """Stop having any effect, now; `bury` ends the tasks."""
        self.is_alive = False

    def bury(self) -> None:
        """End the tasks of a dead process, as its memory would be gone."""
        for task in list(self._tasks):
            task.cancel()
        self._tasks.clear()
        acts, self.on_death = self.on_death, []
        for act in acts:
            act()

    def check(self) -> None:
        """Raise Killed in a task of a dead process, or of one of its earlier lives."""
        if not self.is_alive or _life.get() != self.lives:
            raise Killed(self.name)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this process, with nothing of its creator's context."""
        context = contextvars.Context()
        context.run(_current.set, self)
        context.run(_life.set, self.lives)
        return asyncio.get_running_loop().create_task(work, context=context)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Count a task as one of this process's."""
        self._tasks[task] = None
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # seen: a killed task has no other witness


def current() -> Process:
    """The process of the running task."""
    return _current.get()


def adopt_tasks(loop: SimulatedLoop) -> None:
    """Have every task belong to the process that makes it."""

    def make(
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, context=context)
        process = _current.get(None) if context is None else context.get(_current)
        if process is not None:
            process.adopt(task)
        return task

    loop.set_task_factory(make)  # type: ignore[arg-type]


async def undisturbed(work: Coroutine[Any, Any, Any]) -> None:
    """Await something to its end, whatever happens to the task that waits, and in nobody's name."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            is_cancelled = True
    task.result()
    if is_cancelled:
        raise asyncio.CancelledError
