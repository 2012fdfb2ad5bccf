"""What a run found, for people and for programs."""

import json
from collections.abc import Sequence
from typing import TextIO

from audit.run import Mode, Outcome, Result


def progress_line(outcome: Outcome) -> str:
    """One line about a clause that has just been checked."""
    return f"  {outcome.clause.id:<12}{_state(outcome):<16}{outcome.rows:>12,} rows{outcome.seconds:>9.2f} s"


def write_text(result: Result, out: TextIO, *, mode: Mode, seconds: float) -> None:
    """Violations first, then what could not or cannot be checked, then the sum."""
    for outcome in result.outcomes:
        for found in outcome.findings:
            keys = " ".join(f"{name}={value}" for name, value in found.keys)
            print(
                f"VIOLATION {found.clause}  {keys}\n  expected  {found.expected}\n  found     {found.found}",
                file=out,
            )
        if outcome.more:
            print(f"VIOLATION {outcome.clause.id}  and {outcome.more:,} more", file=out)
    for outcome in result.outcomes:
        if outcome.failed:
            print(f"COULD NOT CHECK {outcome.clause.id}: {outcome.failed}", file=out)
        if outcome.skipped:
            print(f"not checked {outcome.clause.id}: {outcome.skipped}", file=out)
    print(
        f"{_sum(result.outcomes)} ({mode}, {sum(o.rows for o in result.outcomes):,} rows, {seconds:.1f} s)",
        file=out,
    )


def write_json(result: Result, out: TextIO, *, mode: Mode, seconds: float) -> None:
    """The whole result as one JSON object."""
    document = {
        "mode": mode.value,
        "exit_code": result.exit_code,
        "seconds": round(seconds, 3),
        "violations": [
            {"id": found.clause, "keys": dict(found.keys), "expected": found.expected, "found": found.found}
            for outcome in result.outcomes
            for found in outcome.findings
        ],
        "clauses": [
            {
                "id": outcome.clause.id,
                "kind": outcome.clause.kind.value,
                "says": outcome.clause.says,
                "state": _state(outcome),
                "reason": outcome.failed or outcome.skipped,
                "violations": len(outcome.findings) + outcome.more,
                "rows": outcome.rows,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in result.outcomes
        ],
    }
    json.dump(document, out, ensure_ascii=False, indent=1)
    out.write("\n")


def _state(outcome: Outcome) -> str:
    if outcome.findings:
        return "violated"
    if outcome.failed:
        return "could not check"
    return "not checked" if outcome.skipped else "ok"


def _sum(outcomes: Sequence[Outcome]) -> str:
    states = [_state(outcome) for outcome in outcomes]
    violations = sum(len(outcome.findings) + outcome.more for outcome in outcomes)
    parts = [f"{states.count('ok')} clauses hold", f"{violations} violations of {states.count('violated')}"]
    parts += [
        f"{states.count(state)} {state}" for state in ("could not check", "not checked") if state in states
    ]
    return ", ".join(parts)
