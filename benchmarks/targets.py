"""What the platform is to reach, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Figure

Bound = Literal["≥", "≤", "="]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure and its limit, in the figure's unit."""

    key: str
    bound: Bound
    limit: float

    def is_met(self, figure: Figure) -> bool:
        """Whether the median keeps the limit; a figure that is not a number does not."""
        match self.bound:
            case "≥":
                return figure.median >= self.limit
            case "≤":
                return figure.median <= self.limit
            case "=":
                return all(value == self.limit for value in figure.values)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what was measured; `is_met` is None where nothing was."""

    target: Target
    figure: Figure | None
    is_met: bool | None


TARGETS = (
    *(
        target
        for work in ("list", "detail", "home")
        for target in (
            Target(f"{work}: ratio to bare", "≥", 0.8),
            Target(f"{work}: p99", "≤", 50),
        )
    ),
    Target("search: ratio to bare", "≥", 0.5),
    Target("search at 100,000 products: p99", "≤", 100),
    Target("purchase: CPU", "≤", 19),
    Target("purchase: calls", "≤", 5),
    Target("purchase, one alone: p50", "≤", 60),
    *(
        target
        for units, buyers, seconds in ((200, 400, 2), (100, 5_000, 10))
        for name in (f"hot item, {units} units and {buyers:,} buyers",)
        for target in (
            Target(f"{name}: sold", "=", units),
            Target(f"{name}: clean refusals", "=", buyers - units),
            Target(f"{name}: 5xx", "=", 0),
            Target(f"{name}: until all are answered", "≤", seconds),
            Target(f"{name}: refusals p95", "≤", 1_000),
        )
    ),
    Target("events: rate", "≥", 5_000),
    Target("events at half the rate: lag p99", "≤", 500),
    Target("embedded memory: Python before analytics", "≤", 250),
    Target("embedded memory: Python after analytics", "≤", 600),
    Target("full memory: idle, in all", "≤", 700),
    Target("embedded start: with data", "≤", 5),
    Target("full start: with data", "≤", 10),
    Target("growth: purchase, most orders to fewest", "≤", 1.1),
)


def judge(figures: Mapping[str, Figure], targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """Every target, met or missed or not measured."""
    return [
        Verdict(target, figure, None if figure is None else target.is_met(figure))
        for target in targets
        for figure in (figures.get(target.key),)
    ]
