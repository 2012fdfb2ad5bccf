"""Stop whatever of the platform runs on this machine: `python -m deploy.local.down`."""

import os
import signal
import sys
from pathlib import Path

from deploy.local.children import end_leftovers
from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.home import POSTGRES, RABBITMQ
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import wait_until
from deploy.local.rabbitmq import LocalRabbitMQ

PATIENCE_SECONDS = 60.0


def stop_all(postgres: Path = POSTGRES, rabbitmq: Path = RABBITMQ) -> None:
    """Ask the runners that hold these folders to end, then stop servers whose runner was killed."""
    for path in (rabbitmq, postgres):  # a runner lets go of them in the order of its end
        _end_runner(ServerFolder(path, server=path.name))
    end_leftovers()
    LocalPostgres(postgres).stop()
    LocalRabbitMQ(rabbitmq).stop()


def _end_runner(folder: ServerFolder) -> None:
    runner = folder.holder()
    if runner is None:
        return
    print(f"Stopping the platform (process {runner})")
    os.kill(runner, signal.SIGTERM)
    if not wait_until(lambda: folder.holder() is None, seconds=PATIENCE_SECONDS):
        raise LocalServerError(
            f"Process {runner} does not end. See what it is doing, or end it with kill -9 {runner}."
        )


if __name__ == "__main__":
    try:
        stop_all()
    except LocalServerError as error:
        sys.exit(str(error))
