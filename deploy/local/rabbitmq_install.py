"""Finding an installed RabbitMQ server, or installing Debian's as root."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy.local.folder import LocalServerError

# Debian's script on the PATH changes to its own user and folder; the one it wraps runs anywhere.
UNWRAPPED = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),)
OUTSIDE_PATH = (Path("/opt/homebrew/sbin/rabbitmq-server"), Path("/usr/local/sbin/rabbitmq-server"))
INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "rabbitmq-server")


def find_server() -> Path | None:
    """The start script of an installed RabbitMQ, if there is one."""
    on_path = shutil.which("rabbitmq-server")
    candidates = [*UNWRAPPED, *([Path(on_path)] if on_path else []), *OUTSIDE_PATH]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def can_install() -> bool:
    """Whether this is root on a system of Debian's family."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_server(say: Callable[[str], None]) -> Path:
    """Install Debian's RabbitMQ and return its start script; raises LocalServerError with apt-get's last words."""
    say("Installing RabbitMQ with apt-get (once, about 60 MB)")
    answer = _apt_get(INSTALL)
    if answer.returncode:
        say("Refreshing the lists of packages with apt-get")
        _apt_get(("apt-get", "update", "--quiet"))
        answer = _apt_get(INSTALL)
    server = find_server()
    if answer.returncode or server is None:
        last_words = "\n".join((answer.stdout + answer.stderr).splitlines()[-5:])
        raise LocalServerError(f"RabbitMQ could not be installed with apt-get:\n{last_words}")
    return server


def _apt_get(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
