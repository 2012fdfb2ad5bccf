"""Guessing passwords is slow: ten wrong ones a minute from one address (SEC7)."""

import time
from collections import OrderedDict

from shared.http.problems import Problem

FAILURES = 10
FAILURE_SECONDS = 60.0
ADDRESSES = 10_000


class TooManyAttempts(Problem):
    """Too many wrong passwords from this address in the last minute."""

    slug, title, status = "too-many-attempts", "Too many attempts", 429


class Attempts:
    """The tries to log in of the last minute by address, within this process."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def begin(self, address: str) -> None:
        """Count a try before it is made, so that tries at once count too; raises TooManyAttempts."""
        now = time.monotonic()
        recent = [at for at in self._tries.pop(address, ()) if at > now - FAILURE_SECONDS]
        self._tries[address] = recent
        if len(recent) >= FAILURES:
            raise TooManyAttempts(headers={"retry-after": str(int(FAILURE_SECONDS))})
        recent.append(now)
        while len(self._tries) > ADDRESSES:
            self._tries.popitem(last=False)

    def succeed(self, address: str) -> None:
        """The newest try was none of guessing."""
        if tries := self._tries.get(address):
            tries.pop()
