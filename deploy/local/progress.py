"""What a starting platform says: one line a step, with how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints steps; on a terminal a running step shows how far it is on the same line."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._rewrites = sys.stdout.isatty()

    @contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """Say that a step is done, or what it says of itself, once the block ends."""
        step = Step(title, rewrites=self._rewrites)
        began = time.monotonic()
        step.show("…")
        yield step
        step.end(f"{step.outcome} ({time.monotonic() - began:.1f} s)")

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began


class Step:
    """A step under way; ``outcome`` is told at its end."""

    def __init__(self, title: str, *, rewrites: bool) -> None:
        self._title = title
        self._rewrites = rewrites
        self.outcome = "ready"

    def show(self, state: str) -> None:
        """Show how far the step is, where the line can be rewritten."""
        if self._rewrites:
            print(f"\r\033[K  {self._title:<22}{state}", end="", flush=True)

    def say(self, sentence: str) -> None:
        """Tell something worth a line of its own."""
        start = "\r\033[K" if self._rewrites else ""
        print(f"{start}    {sentence}", flush=True)

    def end(self, state: str) -> None:
        """Say how it ended."""
        start = "\r\033[K" if self._rewrites else ""
        print(f"{start}  {self._title:<22}{state}", flush=True)
