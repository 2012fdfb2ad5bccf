"""Chaos in both modes at a size that suits every change; `make chaos` and `make chaos-full` do more of the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.home import PROJECT

SECONDS = 900
PORTS = {"full": 15_180, "embedded": 15_680}


@pytest.mark.parametrize("mode", list(PORTS))
def test_nothing_is_lost_or_doubled_whatever_is_killed(mode: str, tmp_path: Path) -> None:
    arguments = ("--size", "tiny", "--mode", mode, "--seed", "1", "--port", str(PORTS[mode]))
    run = subprocess.run(
        [sys.executable, "-m", "chaos", *arguments, "--folder", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["findings"] == []
    assert report["orders"] >= 150
    assert all(bites["bitten"] > 0 for bites in report["faults"].values())
