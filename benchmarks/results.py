"""What was measured: rounds side by side, single figures, and what was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.load import Round
from benchmarks.percentiles import median

SHOP = "shop"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured, a value a round."""

    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.values)

    @property
    def text(self) -> str:
        """The median, and the spread where there is one."""
        middle = shown(self.median)
        if len(self.values) < 2:
            return middle
        return f"{middle} ({shown(min(self.values))}–{shown(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Side:
    """The rounds of the shop, or of a reference, in one work."""

    work: str
    name: str
    rate: Figure
    p50_ms: Figure
    p99_ms: Figure
    cpu_ms: Figure
    cpu_ms_by_group: Mapping[str, float]
    """Medians, of the groups that spent anything."""

    ratio: Figure | None
    """The shop's rate in proportion to this reference's, round by round."""


@dataclass(slots=True)
class Results:
    """Everything a report tells."""

    sides: list[Side] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    curves: dict[str, dict[int, float]] = field(default_factory=dict)
    """CPU milliseconds a unit by size: of the shop's growth."""

    others: list[float] = field(default_factory=list)
    """The share of the machine that others took, in each round."""

    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def tell(self, key: str, unit: str, *values: float) -> None:
        """Keep a figure."""
        self.figures[key] = Figure(unit, values)

    def told_alone(self) -> dict[str, Figure]:
        """The figures that are no part of a work."""
        works = {f"{side.work}: {name}" for side in self.sides for name in ("rate", "p50", "p99", "CPU")}
        works |= {f"{side.work}: ratio to {side.name}" for side in self.sides}
        return {key: figure for key, figure in self.figures.items() if key not in works}

    def compare(self, work: str, rounds: Mapping[str, Sequence[Round]]) -> None:
        """Keep the rounds of the shop and of its references; ratios are taken round by round."""
        shop = rounds[SHOP]
        for name, own in rounds.items():
            self.others += [each.others for each in own]
            ratio = None
            if name != SHOP:
                ratio = Figure("×", tuple(a.rate / b.rate for a, b in zip(shop, own, strict=True)))
                self.figures[f"{work}: ratio to {name}"] = ratio
            self.sides.append(_side(work, name, own, ratio))
            self.faults += [
                f"{work}, {name}: {count} × {error}"
                for each in own
                for error, count in each.outcome.errors.items()
            ]
            away = [each.outcome.turned_away for each in own]
            if any(away):
                share = sum(away) / (sum(away) + sum(each.outcome.units for each in own))
                self.remarks.append(f"{work}, {name}: {share:.1%} of the tries were turned away as busy")
        told = self.sides[-len(rounds) :][list(rounds).index(SHOP)]
        self.figures |= {
            f"{work}: rate": told.rate,
            f"{work}: p50": told.p50_ms,
            f"{work}: p99": told.p99_ms,
            f"{work}: CPU": told.cpu_ms,
        }


def _side(work: str, name: str, rounds: Sequence[Round], ratio: Figure | None) -> Side:
    groups = sorted({group for each in rounds for group in each.cpu_ms})
    by_group = {group: median([each.cpu_ms.get(group, 0.0) for each in rounds]) for group in groups}
    return Side(
        work,
        name,
        rate=Figure("/s", tuple(each.rate for each in rounds)),
        p50_ms=Figure("ms", tuple(each.at(50) for each in rounds)),
        p99_ms=Figure("ms", tuple(each.at(99) for each in rounds)),
        cpu_ms=Figure("ms", tuple(sum(each.cpu_ms.values()) for each in rounds)),
        cpu_ms_by_group={group: spent for group, spent in by_group.items() if spent > 0},
        ratio=ratio,
    )


def shown(value: float) -> str:
    """Three digits, as many as such figures are worth."""
    if value != value:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
