"""What the terminal shows, and the same as JSON."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.results import Results, Side, shown
from benchmarks.targets import Verdict, judge

MARKS = {True: "met", False: "MISSED", None: "not measured"}


def text(results: Results) -> str:
    """All tables."""
    parts = [
        _table("Works: median of the rounds (least–most)", WORKS, map(_work, results.sides)),
        _table(
            "CPU ms a unit, by group of processes",
            ("work", "side", "CPU ms"),
            (
                (side.work, side.name, _groups(side))
                for side in results.sides
                if len(side.cpu_ms_by_group) > 1
            ),
        ),
        _table(
            "Figures",
            ("what", "median (least–most)", "unit"),
            ((key, figure.text, figure.unit) for key, figure in results.told_alone().items()),
        ),
        _table(
            "Growth: CPU ms a unit", ("work", "size", "CPU ms", "to the smallest"), list(_growth(results))
        ),
        _table("Targets", ("target", "limit", "measured", ""), map(_verdict, judge(results.figures))),
    ]
    parts += [f"Note: {remark}" for remark in results.remarks]
    parts += [f"WRONG: {fault}" for fault in results.faults]
    return "\n\n".join(part for part in parts if part)


def document(results: Results, *, about: dict[str, Any]) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "about": about
        | {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.platform(),
            "python": platform.python_version(),
        },
        "works": [asdict(side) for side in results.sides],
        "figures": {
            key: {"unit": each.unit, "median": each.median, "values": each.values}
            for key, each in results.figures.items()
        },
        "growth": results.curves,
        "targets": [
            {
                "target": each.target.key,
                "bound": each.target.bound,
                "limit": each.target.limit,
                "measured": each.figure.median if each.figure else None,
                "is_met": each.is_met,
            }
            for each in judge(results.figures)
        ],
        "remarks": results.remarks,
        "faults": results.faults,
    }


def save(path: Path, values: dict[str, Any]) -> None:
    """Write the JSON."""
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1))


WORKS = ("work", "side", "units/s", "p50 ms", "p99 ms", "CPU ms/unit", "shop : side")


def _work(side: Side) -> Sequence[str]:
    ratio = side.ratio.text if side.ratio else ""
    return (
        side.work,
        side.name,
        side.rate.text,
        side.p50_ms.text,
        side.p99_ms.text,
        side.cpu_ms.text,
        ratio,
    )


def _groups(side: Side) -> str:
    spent = sorted(side.cpu_ms_by_group.items(), key=lambda each: -each[1])
    return ", ".join(f"{name} {shown(ms)}" for name, ms in spent)


def _growth(results: Results) -> Iterable[Sequence[str]]:
    for work, curve in results.curves.items():
        least = curve[min(curve)]
        for size, ms in sorted(curve.items()):
            yield work, f"{size:,}", shown(ms), f"{ms / least:.2f} ×" if least else "–"


def _verdict(verdict: Verdict) -> Sequence[str]:
    target, figure = verdict.target, verdict.figure
    measured = f"{figure.text} {figure.unit}" if figure else ""
    return target.key, f"{target.bound} {shown(target.limit)}", measured, MARKS[verdict.is_met]


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in columns; nothing without rows."""
    lines = [heads, *rows]
    if len(lines) == 1:
        return ""
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    body = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *body])
