"""The same journey in full mode: RabbitMQ, and a process for each app and worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.processes import wait_until

PORT = 18080
READY_SECONDS = 120.0


@pytest.mark.xdist_group("full mode")
def test_the_journey_goes_as_it_should_over_rabbitmq_and_fourteen_processes(tmp_path: Path) -> None:
    environment = os.environ | {"JISHI_HOME": str(tmp_path / "jishi"), "JISHI_PORT": str(PORT)}
    log = tmp_path / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.up"], env=environment, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: up.poll() is not None or "is up" in log.read_text(), seconds=READY_SECONDS)
        assert "is up" in log.read_text(), log.read_text()
        played = subprocess.run(
            [sys.executable, "-m", "demo.journey"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert played.returncode == 0, played.stdout + played.stderr
        assert "The whole journey went as it should" in played.stdout
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0
