"""Having the generator work, and knowing what all the others spent meanwhile."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.cpu import cpu_seconds, machine_seconds, spent
from benchmarks.generator.drive import Outcome
from benchmarks.generator.plans import Plan
from benchmarks.percentiles import percentile
from deploy.local.home import PROJECT

READY_SECONDS = 120.0
LATE_SECONDS = 180.0
LINE_BYTES = 2**27
ME = "benchmark"

Meter = Callable[[], Mapping[str, float]]
"""CPU seconds spent so far, by group of processes."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one side."""

    outcome: Outcome
    cpu_seconds: Mapping[str, float]
    others: float = 0.0
    """The share of the machine's CPU that processes took which have nothing to do with it."""

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.outcome.units / self.outcome.seconds

    @property
    def latencies_ms(self) -> list[float]:
        """Of all units that were done."""
        return [each for group in self.outcome.latencies_ms.values() for each in group]

    def at(self, percent: float) -> float:
        """A percentile of the milliseconds."""
        return percentile(self.latencies_ms, percent)

    @property
    def cpu_ms(self) -> Mapping[str, float]:
        """CPU milliseconds a unit, by group of processes."""
        return {
            name: seconds * 1000 / max(1, self.outcome.units) for name, seconds in self.cpu_seconds.items()
        }


async def nothing() -> None:
    """Nothing is to be waited for after a round."""


async def play(
    plan: Plan,
    meter: Meter,
    *,
    groups: Iterable[str] | None = None,
    settle: Callable[[], Awaitable[None]] = nothing,
) -> Round:
    """One round: the plan is carried out, what follows from it settles, and the CPU of the groups (or all) is counted."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.generator"),
        cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        async with asyncio.timeout(READY_SECONDS):
            await _tell(process, json.dumps(plan))
            await _hear(process)
        before, began, foreign = meter(), time.monotonic(), _foreign_seconds()
        async with asyncio.timeout((plan["seconds"] or 0) + LATE_SECONDS):
            await _tell(process, "go")
            outcome = Outcome.of(json.loads(await _hear(process)))
        await settle()
        used = spent(before, meter(), groups)
        whole = (time.monotonic() - began) * (os.cpu_count() or 1)
        return Round(outcome, used, max(0.0, _foreign_seconds() - foreign) / whole)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _foreign_seconds() -> float:
    """What all processes used that do not descend from this one; the shop, the references and the generator do."""
    return machine_seconds() - cpu_seconds({os.getpid(): ME})[ME]


async def _tell(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


async def _hear(process: asyncio.subprocess.Process) -> bytes:
    """The next line; raises RuntimeError when the generator ended (its reasons are on standard error)."""
    assert process.stdout is not None
    if not (line := await process.stdout.readline()):
        raise RuntimeError("the load generator ended without a report")
    return line
