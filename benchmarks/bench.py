"""One session: the shop that is measured, how long, and where the results go."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.api import Api
from benchmarks.load import Round
from benchmarks.references.running import References
from benchmarks.results import Results
from benchmarks.shop import Shop
from benchmarks.stock import Stock

Play = Callable[[], Awaitable[Round]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    seconds: float
    """Of each round."""

    products: int
    rushes: tuple[tuple[int, int], ...]
    """Units and buyers of each rush for a hot item."""

    events: int
    starts: int
    growth: tuple[int, ...]
    """So many orders, then so many products, are there when the same work is done again; none in a quick run."""


FULL = Size(
    rounds=3,
    seconds=4.0,
    products=1_000,
    rushes=((200, 400), (100, 5_000)),
    events=100_000,
    starts=2,
    growth=(1_000, 100_000, 1_000_000),
)
QUICK = Size(
    rounds=2,
    seconds=1.5,
    products=1_000,
    rushes=((200, 400),),
    events=20_000,
    starts=1,
    growth=(),
)


@dataclass(slots=True)
class Bench:
    """What a work needs."""

    shop: Shop
    stock: Stock
    operator: Api
    references: References
    size: Size
    folder: Path
    """Where the session keeps its files."""

    results: Results = field(default_factory=Results)
    began: float = field(default_factory=time.monotonic)

    async def compare(self, work: str, sides: Mapping[str, Play]) -> None:
        """Rounds of the shop and its references in turn (A B A B …), kept as a work."""
        rounds: dict[str, list[Round]] = {name: [] for name in sides}
        for number in range(self.size.rounds):
            for name, play in sides.items():
                rounds[name].append(await play())
                self.say(f"{work}: {name} {number + 1}/{self.size.rounds}, {rounds[name][-1].rate:,.0f}/s")
        self.results.compare(work, rounds)

    def say(self, line: str) -> None:
        """Tell how far it is."""
        print(f"  {time.monotonic() - self.began:6.0f} s  {line}", flush=True)
