"""What everything in a simulation shares: the seed's dice, the clock, the trace, and the faults that may happen."""

import asyncio
import hashlib
import random
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import shared.ids
from shared.messaging import relay
from tests.simulation.loop import SimulatedLoop
from tests.simulation.processes import Killed, Process, current

BEGINNING = datetime(2026, 5, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong, drawn from the seed; rates of each chance."""

    crash: float
    lose_call: float
    lose_answer: float
    double: float
    delay: float
    refuse: float
    stall: float

    @classmethod
    def draw(cls, dice: random.Random) -> "Faults":
        """Some seeds are calm, some have one kind of fault, some have all."""

        def rate(most: float) -> float:
            return dice.choice((0.0, most / 4, most))

        return cls(
            crash=rate(0.012),
            lose_call=rate(0.03),
            lose_answer=rate(0.04),
            double=rate(0.15),
            delay=rate(0.02),
            refuse=rate(0.06),
            stall=rate(0.003),
        )


NO_FAULTS = Faults(crash=0, lose_call=0, lose_answer=0, double=0, delay=0, refuse=0, stall=0)


class Clock:
    """The shop's clock: simulated seconds after the beginning."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._loop.time())


class World:
    """One run of one seed."""

    def __init__(self, seed: int, loop: SimulatedLoop) -> None:
        self.seed = seed
        self.loop = loop
        self.clock = Clock(loop)
        self.dice = random.Random(seed)
        self.faults = Faults.draw(self.dice)
        self.trace: list[str] = []
        self.crashes = 0
        self._dying: list[Process] = []
        self._begun_at = loop.time()
        loop.before_waiting = self._bury

    # What happened

    def note(self, what: str) -> None:
        """Write a line of the trace."""
        self.trace.append(f"{self.loop.time() - self._begun_at:12.6f} {current().name:<18} {what}")

    def digest(self) -> str:
        """The trace's fingerprint: two runs of one seed have the same."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    # What may happen

    def happens(self, rate: float) -> bool:
        """Whether a chance of this rate comes true."""
        return rate > 0 and self.dice.random() < rate

    async def gate(self, what: str) -> None:
        """Let others go first, for a moment or for long; a process may die here."""
        process = current()
        process.check()
        if self.loop.is_working:
            raise AssertionError(f"{what}: a remote call inside a transaction (K2)")
        self.crash_point(what)
        if self.happens(self.faults.stall):
            self.loop.jump(self.dice.choice((1.0, 20.0, 90.0)))
            self.note("everything stands still for a while")
        pause = self.dice.uniform(0.0001, 0.02)
        if self.happens(self.faults.delay):
            pause = self.dice.choice((0.5, 3.0, 6.0, 40.0)) * self.dice.uniform(0.5, 1.5)
        await asyncio.sleep(pause)
        process.check()

    def crash_point(self, what: str) -> None:
        """The process may die right here."""
        process = current()
        process.check()
        if process.name != OUTSIDE and self.happens(self.faults.crash):
            self.note(f"dies: {what}")
            self.crash(process)
            raise Killed(process.name)

    def crash(self, process: Process) -> None:
        """Kill a process; it is started again after a while."""
        self.crashes += 1
        process.kill()
        self._dying.append(process)
        self.loop.call_later(self.dice.uniform(0.2, 12.0), self._restart, process)

    def _restart(self, process: Process) -> None:
        if not process.is_alive:
            process.start()

    def _bury(self) -> bool:
        dying, self._dying = self._dying, []
        for process in dying:
            process.bury()
        return bool(dying)

    def calm(self) -> None:
        """No more faults from now on."""
        self.faults = NO_FAULTS

    # Chance by the seed alone

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Ids, jitter and secrets come from the seed, and relays wait to be woken instead of polling."""
        before = random.getstate()
        random.seed(self.seed)
        dice = random.Random(self.seed + 1)

        def new_uuid7() -> uuid.UUID:
            milliseconds = int(self.clock.now().timestamp() * 1000)
            return uuid.UUID(
                int=(
                    milliseconds << 80 | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62)
                )
            )

        try:
            with (
                patch.object(shared.ids, "uuid7", new_uuid7),
                patch.object(secrets, "randbelow", dice.randrange),
                patch.object(secrets, "choice", dice.choice),
                patch.object(secrets, "token_hex", lambda length: dice.randbytes(length).hex()),
                patch.object(relay, "NET_SECONDS", NEVER_SECONDS),
            ):
                yield
        finally:
            random.setstate(before)


NEVER_SECONDS = 1e9
OUTSIDE = "outside"
"""The process of shoppers, operators and WeChat: it never dies."""
