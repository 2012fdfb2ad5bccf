"""RabbitMQ for one machine: a server given by URL, an installed one, one installed now, or a container."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.ports import ServerPort
from deploy.local.rabbitmq_configuration import User, definitions, service_user, url
from deploy.local.rabbitmq_container import RabbitMQContainer, docker_answers
from deploy.local.rabbitmq_install import can_install, find_server, install_server
from deploy.local.rabbitmq_node import RabbitMQNode
from shared.messaging.reactions import Reaction

DEFAULT_PORT = 8672


class LocalRabbitMQ:
    """One broker on `folder`, loopback only, with a user for each service and none other (SEC15)."""

    def __init__(self, folder: Path, *, port: int = DEFAULT_PORT, say: Callable[[str], None] = print) -> None:
        self._folder = ServerFolder(folder, server="RabbitMQ")
        self._say = say
        self._port = ServerPort(self._folder, first=port, say=say)
        self._server: RabbitMQNode | RabbitMQContainer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the broker this object started still runs."""
        return self._server is not None and self._server.running

    def start(
        self,
        services: Iterable[str],
        *,
        user: Callable[[str, str], User] = service_user,
        reactions: Iterable[Reaction] = (),
    ) -> dict[str, str]:
        """Launch the broker and wait until it answers; the same otherwise."""
        urls = self.launch(services, user=user, reactions=reactions)
        self.wait_ready()
        return urls

    def launch(
        self,
        services: Iterable[str],
        *,
        user: Callable[[str, str], User] = service_user,
        reactions: Iterable[Reaction] = (),
    ) -> dict[str, str]:
        """Start the broker with the queues of reactions and a user for each service, made of its name and password.

        Returns the URL each connects to, before the broker answers there: see ``wait_ready``. With JISHI_AMQP_URL set
        nothing is started and every service gets that URL: its users and queues are the business of whoever runs that
        broker. Raises LocalServerError with what to do when no broker can be had. At a later launch the URLs stay: it raises
        PortHeld while another process has the broker's port.
        """
        names = list(services)
        if given := os.environ.get("JISHI_AMQP_URL"):
            return dict.fromkeys(names, given)
        self._folder.hold()
        try:
            passwords = self._folder.passwords(names)
            self._server = self._choose()
            self._server.launch(
                definitions({name: user(name, password) for name, password in passwords.items()}, reactions)
            )
        except BaseException:
            if self._server is not None:
                self._server.stop()
                self._server = None
            self._folder.release()
            raise
        self._port.keep()
        return self.urls(names)

    def wait_ready(self) -> None:
        """Wait until the broker answers; raises LocalServerError with its last words."""
        if self._server is None:  # somebody else's
            return
        try:
            self._server.wait_ready()
        except BaseException:
            self.stop()
            raise

    def urls(self, services: Iterable[str]) -> dict[str, str]:
        """The URL each service connects to, on a broker that was started on this folder."""
        port = self._folder.port
        if port is None:
            raise LocalServerError(f"No RabbitMQ was ever started on {self._folder.path}.")
        return {
            name: url(name, password, f"127.0.0.1:{port}")
            for name, password in self._folder.passwords(services).items()
        }

    def stop(self) -> None:
        """Stop the broker in order, whichever process started it; nothing to do when it does not run."""
        if self._server is None and self._folder.port is not None:
            self._server = self._choose()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._folder.release()

    def _choose(self) -> RabbitMQNode | RabbitMQContainer:
        server = find_server()
        if server is None and can_install():
            server = install_server(self._say)
        if server is not None:
            return RabbitMQNode(self._folder, server, port=self._port)
        if docker_answers():
            return RabbitMQContainer(self._folder, port=self._port, say=self._say)
        raise LocalServerError(
            "No RabbitMQ is found. "
            + _advice()
            + " `make run` needs none: it passes events inside one process."
        )


def _advice() -> str:
    if shutil.which("brew"):
        return "Run `brew install rabbitmq`, start Docker, or set JISHI_AMQP_URL to a broker."
    if shutil.which("apt-get"):
        return "Run `sudo apt-get install rabbitmq-server`, start Docker, or set JISHI_AMQP_URL to a broker."
    return "Install rabbitmq-server (version 3.10 or newer), start Docker, or set JISHI_AMQP_URL to a broker."
