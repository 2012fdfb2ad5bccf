"""Not asking a service that does not answer: its callers fail at once, and it gets a moment to come back (K17, 4.E)."""

import random
import time
from dataclasses import dataclass

FAILURES = 10
"""So many calls in a row without an answer open the breaker."""
PAUSE_SECONDS = 1.0
"""About how long nobody is let through; then one may try, and the others once it was answered."""


@dataclass(slots=True)
class _Service:
    failures: int = 0
    open_until: float = 0.0


class Breaker:
    """What one process knows of the services it calls."""

    def __init__(self) -> None:
        self._services: dict[str, _Service] = {}

    def admits(self, service: str) -> bool:
        """Whether a call may be made now; a yes while the breaker is open is for this caller alone, who tries for all."""
        state = self._services.get(service)
        if state is None or state.failures < FAILURES:
            return True
        now = time.monotonic()
        if now < state.open_until:
            return False
        state.open_until = now + PAUSE_SECONDS * random.uniform(0.5, 1.5)
        return True

    def answered(self, service: str) -> None:
        """It answered, whatever it said."""
        self._services.pop(service, None)

    def failed(self, service: str) -> None:
        """It could not be reached, or not in time."""
        state = self._services.setdefault(service, _Service())
        state.failures += 1
        if state.failures == FAILURES:
            state.open_until = time.monotonic() + PAUSE_SECONDS * random.uniform(0.5, 1.5)
