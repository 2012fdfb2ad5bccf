"""An event loop without chance: time passes only when nothing is left to do, and only PostgreSQL is waited for."""

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

PATIENCE_SECONDS = 30.0


class Stuck(Exception):
    """Nothing can go on: PostgreSQL does not answer, or somebody waits for something else inside a transaction (K2)."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs ready tasks in their order; between them it waits for the database, or moves its own clock to the next timer.

    As long as a transaction is open (`working`) no time passes, so that it runs to its end without anybody between.
    What asyncio would do in threads is done at once.
    """

    def __init__(self) -> None:
        self._simulated_seconds = 0.0
        self._working: list[asyncio.Task[Any] | None] = []
        self._at_rest: asyncio.Future[None] | None = None
        self._horizon = 0.0
        self._late_seconds = 0.0
        self.before_waiting: Callable[[], bool] = lambda: False
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Simulated seconds."""
        return self._simulated_seconds

    @contextmanager
    def working(self) -> Iterator[None]:
        """The database is at work for this task."""
        task = asyncio.current_task(self)
        self._working.append(task)
        try:
            yield
        finally:
            self._working.remove(task)

    @property
    def is_working(self) -> bool:
        """Whether this task has a transaction open."""
        return asyncio.current_task(self) in self._working

    async def until_rest(self, *, within: float) -> None:
        """Wait until nothing is due within so many seconds."""
        self._at_rest, self._horizon = self.create_future(), self.time() + within
        await self._at_rest

    def rewind(self) -> None:
        """Begin again at 0; whoever still waited for a time is forgotten."""
        self._scheduled.clear()  # type: ignore[attr-defined]
        self._simulated_seconds = self._late_seconds = 0.0

    def jump(self, seconds: float) -> None:
        """Have everything stand still for a while once no transaction is open; everybody is late afterwards."""
        self._late_seconds += seconds

    def wait(self, timeout: float | None, select: Callable[[float], Any]) -> Any:
        """What the selector does: nothing is ready any more."""
        if timeout is not None and timeout <= 0:
            return []
        if self._working:
            if events := select(PATIENCE_SECONDS):
                return events
            raise Stuck("the database does not answer, or a transaction waits for something else")
        if self.before_waiting():
            return []
        scheduled = self._scheduled  # type: ignore[attr-defined]
        due = scheduled[0].when() if scheduled else float("inf")
        if self._at_rest is not None and due > self._horizon:
            at_rest, self._at_rest = self._at_rest, None
            at_rest.set_result(None)
        elif due == float("inf"):
            raise Stuck("everybody waits for ever")
        else:
            self._simulated_seconds = max(self._simulated_seconds, due) + self._late_seconds
            self._late_seconds = 0.0
        return []

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do it here and now."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


class _Selector(selectors.DefaultSelector):
    """Looks for answers of the database only when the loop has nothing else to do."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        return self._loop.wait(timeout, super().select)
