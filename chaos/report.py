"""What a run came to: as JSON for machines and as text for people; it says by itself whether the run passed."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaos.outages import Outages
from chaos.saboteur import Executed
from chaos.schedule import Fault, Kind, Mode, Size

REPORT_FILE = "report.json"

LEAST_BITTEN = {
    Kind.KILL: 0.6,
    Kind.KILL_AT_COMMIT: 0.6,
    Kind.CUT_COMMIT: 0.6,
    Kind.CUT_DATABASE: 0.6,
    Kind.RESTART_BROKER: 1.0,
    Kind.RESTART_DATABASE: 1.0,
}
"""The share of the planned faults of a kind that must have hurt; of the others at least a third."""

LEAST_BITTEN_OTHERWISE = 1 / 3
MOST_UNANSWERED_IN_A_DEPLOY = 0.0005
"""P16: a rolling update of everything under load; lost answers count like those from 500 on."""


@dataclass(slots=True, kw_only=True)
class Bites:
    """How often faults of a kind were planned, carried out, and hurt."""

    planned: int = 0
    executed: int = 0
    bitten: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """The whole result of a run."""

    seed: int
    mode: Mode
    size: str
    orders: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, Bites] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    kills_bitten: dict[str, str] = field(default_factory=dict)
    back_seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    ended_by_themselves: list[str] = field(default_factory=list)
    availability: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    audit: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def is_passed(self) -> bool:
        """Whether nothing was lost or doubled, and the faults hurt."""
        return not self.failures

    def write(self, folder: Path) -> None:
        """Write the report into the run's folder."""
        content = asdict(self) | {"passed": self.is_passed}
        (folder / REPORT_FILE).write_text(
            json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"
        )


def count_faults(
    planned: Sequence[Fault], executed: Sequence[Executed], cuts: dict[Kind, tuple[int, int]]
) -> tuple[dict[str, Bites], dict[str, str]]:
    """Planned, executed and bitten by kind, and the kills that hurt by process; `cuts` are (armed, done) by kind."""
    faults: dict[str, Bites] = {}
    for fault in planned:
        if fault.kind is not Kind.WECHAT:
            faults.setdefault(fault.kind, Bites()).planned += 1
    for each in executed:
        bites = faults[each.fault.kind]
        bites.executed += 1
        bites.bitten += each.is_bitten
    for kind, (armed, done) in cuts.items():
        bites = faults.setdefault(kind, Bites())
        bites.executed, bites.bitten = armed, done
    kills = Counter(each.fault.target for each in executed if each.fault.kind is Kind.KILL)
    hurt = Counter(each.fault.target for each in executed if each.fault.kind is Kind.KILL and each.is_bitten)
    return faults, {name: f"{hurt[name]}/{number}" for name, number in sorted(kills.items())}


def times_back(outages: Outages) -> dict[str, dict[str, float]]:
    """Median and longest seconds until each part was ready again."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for outage in outages.all:
        if outage.seconds is not None:
            seconds[outage.part].append(outage.seconds)
    return {
        part: {
            "times": len(each),
            "median": round(statistics.median(each), 2),
            "longest": round(max(each), 2),
        }
        for part, each in sorted(seconds.items())
    }


def availability(checkouts: Sequence[tuple[float, float, str]], outages: Outages) -> dict[str, Any]:
    """The share of orders whose first try got the shop's word, outside outages and in all."""
    outside = [instead for began, ended, instead in checkouts if not outages.during(began, ended)]
    unanswered = Counter(instead for instead in outside if instead)
    return {
        "first_tries": len(checkouts),
        "outside_outages": len(outside),
        "unanswered_outside_outages": dict(unanswered),
        "share_outside_outages": round(1 - unanswered.total() / max(1, len(outside)), 5),
        "share_in_all": round(sum(not each[2] for each in checkouts) / max(1, len(checkouts)), 5),
    }


def judge(report: Report, size: Size) -> None:
    """Say why the run failed, if it did."""
    if report.orders < size.orders:
        report.failures.append(f"only {report.orders} of {size.orders} orders were placed")
    for kind, bites in report.faults.items():
        least = (
            LEAST_BITTEN.get(Kind(kind), LEAST_BITTEN_OTHERWISE)
            if kind in list(Kind)
            else LEAST_BITTEN_OTHERWISE
        )
        if bites.bitten < least * bites.planned:
            report.failures.append(
                f"the faults did not bite: {kind} hurt {bites.bitten} of {bites.planned} times"
            )
    if size.rolls:
        unanswered = sum(
            number for call, number in report.calls.items() if call.endswith("lost") or call[-3:] >= "500"
        )
        share = unanswered / max(1, sum(report.calls.values()))
        if share > MOST_UNANSWERED_IN_A_DEPLOY:
            report.failures.append(f"{unanswered} calls ({share:.2%}) were not answered during a deploy")
    for each in report.ended_by_themselves:
        report.failures.append(f"a process ended by itself: {each}")
    server_errors = {call: number for call, number in report.calls.items() if call.endswith(" 500")}
    if server_errors:
        report.failures.append(f"internal errors: {server_errors}")
    if report.findings:
        report.failures.append(f"{len(report.findings)} findings of the checker")
    if report.audit.get("violations"):
        report.failures.append(f"{len(report.audit['violations'])} violations found by the audit")
    elif report.audit.get("exit_code") != 0:
        report.failures.append("the audit could not look at everything")


def text(report: Report) -> str:
    """The report for people."""
    lines = [
        f"Chaos, {report.mode} mode, size {report.size}, seed {report.seed}",
        f"  orders placed         {report.orders}",
        f"  seconds               {_pairs(report.seconds)}",
        f"  calls repeated        {sum(report.unknown.values())} ({_pairs(report.unknown)})",
    ]
    lines += [
        f"  {kind:<21} {bites.bitten} hurt of {bites.executed} carried out of {bites.planned} planned"
        for kind, bites in report.faults.items()
    ]
    lines += [
        f"  kills that hurt       {_pairs(report.kills_bitten)}",
        f"  evidence              {_pairs(report.evidence)}",
        f"  checkout available    {_pairs(report.availability)}",
        "  back after, seconds   (median, longest)",
        *(
            f"    {part:<19} {each['median']:>6} {each['longest']:>6}"
            for part, each in report.back_seconds.items()
        ),
    ]
    lines += [f"  lost or doubled       {finding}" for finding in report.findings[:40]]
    lines.append(f"  audit                 exit code {report.audit.get('exit_code')}")
    lines += [f"  audit                 {violation}" for violation in report.audit.get("violations", [])[:40]]
    lines += [f"FAILED: {failure}" for failure in report.failures] or [
        "PASSED: nothing lost, nothing doubled"
    ]
    return "\n".join(lines)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
