"""``make up-local``: the full mode without Docker: RabbitMQ, and a process for each app and worker."""

import sys
import time

from deploy.layout import APPS, PROCESSES, WORKERS, Process
from deploy.local.children import Child, stop_all
from deploy.local.folder import LocalServerError
from deploy.local.forking import fork
from deploy.local.ground import LOGS, Ground, open_ground, wait_for
from deploy.local.processes import is_free
from deploy.local.progress import Progress
from deploy.local.signals import Stopped, stop_on_signals
from deploy.local.welcome import welcome
from shared.settings import SECRETS_FOLDER

WATCH_SECONDS = 1.0


def environment_of(process: Process, ground: Ground) -> dict[str, str]:
    """The settings of one process: those with its service's prefix, and where the secrets are."""
    prefix = f"{process.service.upper()}_"
    return {
        name: value
        for name, value in ground.environment.items()
        if name.startswith(prefix) or name == SECRETS_FOLDER
    }


def main() -> None:
    """Run until Ctrl-C."""
    progress = Progress()
    print("Opening the platform, a process for each part:", flush=True)
    children: list[Child] = []
    try:
        with stop_on_signals(), open_ground(progress, with_broker=True, launch=fork) as ground:
            _check_ports(ground)
            children += [
                Child(process.name, process.module, environment_of(process, ground), LOGS, launch=fork)
                for process in (*APPS, *WORKERS)
            ]
            try:
                for child in children[: len(APPS)]:
                    child.start()
                ground.wait_for_broker()
                with progress.step("Processes") as step:
                    for child in children[len(APPS) :]:
                        child.start()
                    for process, child in zip((*APPS, *WORKERS), children, strict=True):
                        step.show(process.name)
                        wait_for(child, f"http://127.0.0.1:{_port(process, ground)}/health/ready")
                    step.outcome = f"{len(children)} answer"
                welcome("The platform is up", ground, progress)
                while True:
                    time.sleep(WATCH_SECONDS)
                    ground.watch(print)
                    for child in children:
                        child.revive(print)
            finally:
                print("\nClosing the platform …", flush=True)
                stop_all(list(reversed(children)))
    except LocalServerError as error:
        sys.exit(f"\n{error}")
    except Stopped:
        return


def _port(process: Process, ground: Ground) -> int:
    return int(
        ground.environment[f"{process.service.upper()}_{'PORT' if process in APPS else 'WORKER_PORT'}"]
    )


def _check_ports(ground: Ground) -> None:
    ports = {process.name: _port(process, ground) for process in PROCESSES}
    held = [f"{name} ({port})" for name, port in ports.items() if not is_free(port)]
    if held:
        raise LocalServerError(f"Ports in use by other processes: {', '.join(held)}. Stop those first.")


if __name__ == "__main__":
    main()
