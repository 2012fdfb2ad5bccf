"""What a page and a purchase cost beside references of the same run, so that nobody makes them twice as dear unseen.

Only CPU a unit is judged, as a ratio to the reference: other tests run beside it, which halves rates and bends
latencies, and the same machine is twice as fast at one time as at another. Each limit is more than twice the dearest
run seen so far, quiet or at load 15; the comments tell what was seen.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from deploy.local.home import PROJECT

SECONDS = 900
REPORT = Path(".jishi-bench/full/report.json")
MOST = {
    ("list", "bare"): 0.4,  # 0.07 to 0.08
    ("detail", "bare"): 0.8,  # 0.12 to 0.30
    ("home", "bare"): 0.4,  # 0.04 to 0.06
    ("search", "bare"): 1.2,  # 0.24 to 0.53
    ("purchase", "database alone"): 400,  # 135 to 163: a whole shop beside two transactions of pgbench
}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What a quick run tells; it fails by itself when an answer or a sum was wrong."""
    works = dict.fromkeys(work for work, _ in MOST)
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--port", "17180", "--only", *works],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    found: dict[str, Any] = json.loads((PROJECT / REPORT).read_text())
    return found


@pytest.mark.parametrize(("work", "reference"), list(MOST))
def test_nothing_costs_far_more_than_it_did(report: dict[str, Any], work: str, reference: str) -> None:
    cost = {
        each["name"]: median(each["cpu_ms"]["values"]) for each in report["works"] if each["work"] == work
    }
    if reference not in cost:
        pytest.skip(f"{reference} is not installed here")
    assert cost["shop"] <= MOST[work, reference] * cost[reference]
