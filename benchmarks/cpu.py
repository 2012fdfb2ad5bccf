"""CPU seconds and memory of groups of processes, from Linux's /proc.

A group is known by the process numbers of its roots. A process belongs to its nearest ancestor (or itself) that is a
root, so that what a runner starts is not counted as the runner's. What ended children used is in their parents' books.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table; ``cpu_ticks`` are its own and those of its children that have ended."""

    pid: int
    parent: int
    cpu_ticks: int


def parsed(stat: str) -> Process:
    """A process from its ``/proc/PID/stat``; the name in it may hold spaces and brackets."""
    pid, rest = stat.split(" ", 1)
    fields = rest.rsplit(")", 1)[1].split()
    return Process(int(pid), int(fields[1]), sum(map(int, fields[11:15])))


def process_table() -> dict[int, Process]:
    """Every process there is now."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = parsed((folder / "stat").read_text())
            except OSError:  # it has ended meanwhile
                continue
    return found


def grouped(table: Mapping[int, Process], roots: Mapping[int, str]) -> dict[str, list[Process]]:
    """The processes of each group; those of nobody are left out."""
    groups: defaultdict[str, list[Process]] = defaultdict(list)
    for process in table.values():
        ancestor: Process | None = process
        while ancestor is not None and ancestor.pid not in roots:
            ancestor = table.get(ancestor.parent)
        if ancestor is not None:
            groups[roots[ancestor.pid]].append(process)
    return dict(groups)


def cpu_seconds(roots: Mapping[int, str]) -> dict[str, float]:
    """What each group has used since it began."""
    return {
        name: sum(process.cpu_ticks for process in processes) / TICKS_A_SECOND
        for name, processes in grouped(process_table(), roots).items()
    }


def machine_seconds() -> float:
    """What all processes of the machine have used."""
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / TICKS_A_SECOND


def spent(
    before: Mapping[str, float], after: Mapping[str, float], groups: Iterable[str] | None = None
) -> dict[str, float]:
    """What the groups (or all) used between two readings."""
    names = after.keys() if groups is None else groups
    return {name: after.get(name, 0.0) - before.get(name, 0.0) for name in names}


def memory_mb(roots: Mapping[int, str]) -> dict[str, float]:
    """What each group occupies: proportional set size, where shared pages are shared out among those who hold them."""
    return {
        name: sum(_pss_kib(process.pid) for process in processes) / 1024
        for name, processes in grouped(process_table(), roots).items()
    }


def _pss_kib(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
