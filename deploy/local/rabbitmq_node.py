"""A private RabbitMQ node without systemd: its own folder, ports, cookie and port mapper, on loopback only."""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.ports import ServerPort
from deploy.local.processes import end_process, free_port, is_free, start_process, wait_until
from deploy.local.rabbitmq_configuration import configuration

NODE = "jishi@localhost"
START_SECONDS = 60.0
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"


class RabbitMQNode:
    """One node on `folder`, run by the installed `server` script."""

    def __init__(self, folder: ServerFolder, server: Path, *, port: ServerPort) -> None:
        self._folder = folder
        self._server = server
        self._port = port
        self._children: list[subprocess.Popen[bytes]] = []
        self._node: subprocess.Popen[bytes] | None = None
        # Stands on the node's command line, so that its process number is never taken for another process's.
        self._mark = f"jishi-{hashlib.sha256(str(folder.path).encode()).hexdigest()[:16]}"

    def launch(self, definitions: str) -> None:
        """Start the node with the users of these definitions."""
        if "'" in str(
            self._folder.path
        ):  # its disk monitor gives the name to a shell in quotes, and waits for ever
            raise LocalServerError(
                f"RabbitMQ cannot live in a folder with a quote in its name: {self._folder.path}. Choose another one."
            )
        self.stop()
        port = self._port.take()
        self._write_configuration(port, definitions)
        environment = self._environment(
            mapper_port=free_port(port + 1000), distribution_port=free_port(port + 2000)
        )
        (self._folder.path / "node.pid").unlink(missing_ok=True)
        self._start_mapper(environment)
        self._node = self._launch([str(self._server)], environment)

    def wait_ready(self) -> None:
        """Wait until it speaks AMQP; raises LocalServerError with its last words."""
        node, port = self._node, self._folder.port
        assert node is not None
        assert port is not None
        wait_until(lambda: speaks_amqp(port) or node.poll() is not None, seconds=START_SECONDS)
        if not speaks_amqp(port):
            self.stop()
            raise LocalServerError(f"RabbitMQ does not start in {self._folder.path}:\n{self._last_words()}")

    def stop(self) -> None:
        """Stop the node in order, then its port mapper, whichever process started them."""
        node = self._folder.number("node.pid")
        if node is not None:
            end_process(node, mark=self._mark, by=signal.SIGTERM, patience_seconds=60)
        mapper, mapper_port = self._folder.number("mapper.pid"), self._folder.number("mapper.port")
        if mapper is not None:
            end_process(mapper, mark=f"-port {mapper_port} ", by=signal.SIGTERM)
        for child in self._children:
            if node is None and child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._children.clear()

    @property
    def running(self) -> bool:
        """Whether the node this object started still runs."""
        return bool(self._children) and all(child.poll() is None for child in self._children)

    def _write_configuration(self, port: int, definitions: str) -> None:
        users = self._folder.write("definitions.json", definitions)
        self._folder.write("rabbitmq.conf", configuration(listener=f"127.0.0.1:{port}", definitions=users))
        self._folder.write("enabled_plugins", "[].\n")
        cookie = self._folder.path / ".erlang.cookie"
        if not cookie.exists():
            self._folder.write(cookie.name, secrets.token_hex(16))
            cookie.chmod(0o400)

    def _environment(self, *, mapper_port: int, distribution_port: int) -> dict[str, str]:
        folder = self._folder.path
        return {
            "PATH": os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/erlang/bin"]),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} "
            f"-{self._mark} yes",
        }

    def _start_mapper(self, environment: Mapping[str, str]) -> None:
        """Erlang's port mapper as our child: the one a node starts by itself is shared, and outlives it."""
        program = shutil.which("epmd", path=environment["PATH"])
        if program is None:
            raise LocalServerError(
                "RabbitMQ is installed, but Erlang's `epmd` is not found. Install Erlang whole."
            )
        port = environment["ERL_EPMD_PORT"]
        mapper = self._launch([program, "-port", port, "-address", "127.0.0.1"], environment)
        self._folder.write("mapper.pid", str(mapper.pid))
        self._folder.write("mapper.port", port)
        wait_until(lambda: not is_free(int(port)), seconds=5)

    def _launch(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        folder = self._folder.path
        child = start_process(command, log=folder / "out", environment=environment, folder=folder)
        self._children.append(child)
        return child

    def _last_words(self) -> str:
        return "\n".join((self._folder.path / "out").read_text(errors="replace").splitlines()[-15:])


def speaks_amqp(port: int) -> bool:
    """Whether a broker answers a protocol header with its first method."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(PROTOCOL_HEADER)
            return connection.recv(1) == METHOD_FRAME
    except OSError:
        return False
