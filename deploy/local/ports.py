"""The ports of local servers: chosen once, and kept for as long as there are clients that know them."""

from collections.abc import Callable

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.processes import free_port, is_free, wait_until

LEFTOVERS_SECONDS = 3.0
"""What a killed server leaves behind, such as PostgreSQL's backends, holds its port for some 100 ms."""


class PortHeld(LocalServerError):
    """A server cannot have the port that its clients know, because another process holds it."""


class ServerPort:
    """The port of the server on a folder: at a start any that is free, once `keep` was called always the same."""

    def __init__(self, folder: ServerFolder, *, first: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._first = first
        self._say = say
        self._is_kept = False

    def take(self) -> int:
        """The port to start on, preferably that of the last start; raises PortHeld when it is kept and another's now."""
        last = self._folder.port
        if last is not None:
            wait_until(lambda: is_free(last), seconds=LEFTOVERS_SECONDS)
        wanted = last or self._first
        if self._is_kept and not is_free(wanted):
            raise PortHeld(
                f"{self._folder.server} waits for port {wanted}, where its clients look for it, and which another "
                "process has taken. Stop that one."
            )
        port = free_port(wanted)
        if port != wanted:
            self._say(f"Port {wanted} is in use by another process: {self._folder.server} takes port {port}")
        self._folder.port = port
        return port

    def keep(self) -> None:
        """Clients are told of the port now."""
        self._is_kept = True


class Revival:
    """Starts a server again when it has ended; while another process holds its port, it says so once and waits."""

    def __init__(self, server: str, *, runs: Callable[[], bool], start: Callable[[], object]) -> None:
        self._server = server
        self._runs = runs
        self._start = start
        self._waits = False

    def revive(self, say: Callable[[str], None]) -> None:
        """Called now and then."""
        if self._runs():
            return
        if not self._waits:
            say(f"{self._server} ended and is started again")
        try:
            self._start()
        except PortHeld as held:
            if not self._waits:
                say(str(held))
            self._waits = True
        else:
            self._waits = False
