"""A crowd in front of the shop, in a process of its own: ``python -m tests.e2e.crowd`` with its plan on stdin.

It must cost little beside the shop it is to weigh down: requests are ready-made bytes, answers are hardly looked at.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop


@dataclass(frozen=True, slots=True)
class Wish:
    """A kind of request: the ready-made ones, and how often it is made among all kinds."""

    kind: str
    weight: int
    requests: list[str]


@dataclass(slots=True)
class Crowd:
    """So many connections; each asks again when it was answered, but all together no more often than ``rate`` a second."""

    port: int
    wishes: list[Wish]
    skipped_seconds: float
    seconds: float
    at_once: int
    rate: float
    statuses: Counter[str] = field(default_factory=Counter)
    tickets: int = 0
    asked: int = 0

    async def rush(self) -> dict[str, Any]:
        """Ask for so many seconds after some that do not count: how often was asked, and what was answered how often."""
        began = time.monotonic() + self.skipped_seconds
        await asyncio.gather(*(self._person(began) for _ in range(self.at_once)))
        return {"asked": self.asked, "statuses": dict(self.statuses)}

    async def _person(self, began: float) -> None:
        dice, weights = random.Random(), [wish.weight for wish in self.wishes]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while True:
            due = began - self.skipped_seconds + self.tickets / self.rate
            if max(due, time.monotonic()) >= began + self.seconds:
                break
            self.tickets += 1
            self.asked += due >= began
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            (wish,) = dice.choices(self.wishes, weights)
            try:
                writer.write(dice.choice(wish.requests).encode())
                status = await _status(reader)
            except (OSError, EOFError):
                status = "lost"
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            if began <= time.monotonic() < began + self.seconds:
                self.statuses[f"{wish.kind} {status}"] += 1
        writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    """Read an answer of a known length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, length = head.partition(b"content-length: ")
    if found:
        await reader.readexactly(int(length.partition(b"\r\n")[0]))
    return head[9:12].decode()


def main() -> None:
    """Do as the plan says, and tell what came of it."""
    plan = json.load(sys.stdin)
    wishes = [Wish(**wish) for wish in plan.pop("wishes")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(Crowd(wishes=wishes, **plan).rush())))


if __name__ == "__main__":
    main()
