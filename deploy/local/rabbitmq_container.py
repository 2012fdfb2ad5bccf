"""RabbitMQ in a Docker container, for machines without an installed one."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.ports import ServerPort
from deploy.local.processes import wait_until
from deploy.local.rabbitmq_configuration import configuration
from deploy.local.rabbitmq_node import speaks_amqp

IMAGE = "rabbitmq:4-alpine"
DEFINITIONS = "/var/lib/rabbitmq/definitions.json"
START_SECONDS = 120.0


def docker_answers() -> bool:
    """Whether a Docker engine is there: the client alone is not enough."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=20).returncode == 0


class RabbitMQContainer:
    """One container whose data is a named volume; both carry the folder's digest in their name."""

    def __init__(self, folder: ServerFolder, *, port: ServerPort, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._port = port
        self._say = say
        self._name = f"jishi-rabbitmq-{hashlib.sha256(str(folder.path).encode()).hexdigest()[:12]}"

    def launch(self, definitions: str) -> None:
        """Make and start the container with the users of these definitions."""
        self.stop()
        port = self._port.take()
        self._say(f"Starting RabbitMQ in Docker ({IMAGE}); the first time, Docker fetches it")
        _docker(
            *("create", "--name", self._name, "--hostname", "jishi", "--publish", f"127.0.0.1:{port}:5672"),
            *("--volume", f"{self._name}:/var/lib/rabbitmq", IMAGE),
        )
        users = self._folder.write("definitions.json", definitions)
        settings = self._folder.write(
            "rabbitmq.conf", configuration(listener="0.0.0.0:5672", definitions=DEFINITIONS)
        )
        settings.chmod(0o644)
        _docker("cp", str(users), f"{self._name}:{DEFINITIONS}")
        _docker("cp", str(settings), f"{self._name}:/etc/rabbitmq/conf.d/20-jishi.conf")
        _docker("start", self._name)

    def wait_ready(self) -> None:
        """Wait until it speaks AMQP; raises LocalServerError."""
        port = self._folder.port
        assert port is not None
        if not wait_until(lambda: speaks_amqp(port), seconds=START_SECONDS):
            raise LocalServerError(f"RabbitMQ does not start in Docker; see `docker logs {self._name}`.")

    def stop(self) -> None:
        """Stop and remove the container; its volume stays."""
        subprocess.run(["docker", "stop", "--time", "30", self._name], capture_output=True, timeout=60)
        subprocess.run(["docker", "rm", "--force", self._name], capture_output=True, timeout=60)

    @property
    def running(self) -> bool:
        """Whether the container runs."""
        return _docker("inspect", "--format", "{{.State.Running}}", self._name).strip() == "true"


def _docker(*arguments: str) -> str:
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600)
    if answer.returncode:
        raise LocalServerError(f"`docker {arguments[0]}` failed: {answer.stderr.strip()}")
    return answer.stdout
