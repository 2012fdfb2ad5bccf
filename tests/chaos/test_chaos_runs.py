"""Chaos in both modes at a size that suits every change; `make chaos` and `make chaos-full` do more of the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.layout import PROCESSES
from deploy.local.home import PROJECT

SECONDS = 1_500  # five to six minutes alone; the rest of the suite runs beside it


@pytest.mark.parametrize(
    ("mode", "size", "orders", "port"), [("full", "small", 1_000, 15_180), ("embedded", "tiny", 150, 15_680)]
)
def test_nothing_is_lost_or_doubled_whatever_is_killed(
    mode: str, size: str, orders: int, port: int, tmp_path: Path
) -> None:
    report = played(tmp_path, "--size", size, "--mode", mode, "--port", str(port))
    assert report["orders"] >= orders
    assert all(bites["bitten"] > 0 for bites in report["faults"].values())


def test_nobody_notices_that_every_process_is_replaced(tmp_path: Path) -> None:
    report = played(tmp_path, "--size", "deploy", "--port", "16180")
    assert report["faults"]["roll"]["executed"] == len(PROCESSES)


def played(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """The report of a run that passed."""
    run = subprocess.run(
        [sys.executable, "-m", "chaos", *arguments, "--seed", "1", "--folder", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
    assert report["findings"] == []
    return report
