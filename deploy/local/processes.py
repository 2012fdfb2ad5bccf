"""Processes and ports of this machine, as the supervisors of local servers need them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.folder import LocalServerError
from deploy.local.home import PROJECT

# Ports from 32768 on are handed out to outgoing connections, which now and then hold ours (limits A1).
EPHEMERAL_PORTS_START = 32768


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(first: int, *, tries: int = 100) -> int:
    """The first free loopback port from `first` on; raises LocalServerError when all the tried ones are held."""
    last = min(first + tries, EPHEMERAL_PORTS_START) - 1
    for port in range(first, last + 1):
        if is_free(port):
            return port
    raise LocalServerError(f"Every port from {first} to {last} is in use. Free one, or choose another port.")


def start_process(
    command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], folder: Path = PROJECT
) -> "subprocess.Popen[bytes]":
    """Start a program that writes to the end of a log; Ctrl-C in a terminal is for whoever started it, not for it."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def command_of(pid: int) -> str:
    """The command line of a live process; empty for one that is gone, or that only waits to be reaped."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, timeout=10
    )
    return listing.stdout.strip()


def birth_of(pid: int) -> str:
    """What no later process of this number has: when it began; empty for one that is gone, or only waits to be reaped."""
    if Path("/proc/self").exists():
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if state == "Z" else f"<born at {fields[18]} of {boot}>"
    listing = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10
    )
    state, _, began = listing.stdout.strip().partition(" ")
    return "" if not began or state.startswith("Z") else f"<born at {began.strip()}>"


def end_process(pid: int, *, mark: str, by: signal.Signals, patience_seconds: float = 30) -> None:
    """End the process `pid` if its birth or command line holds `mark`: first by the signal given, in the end by force."""

    def gone() -> bool:
        return mark not in birth_of(pid) + command_of(pid)

    for number, seconds in ((by, patience_seconds), (signal.SIGKILL, 5.0)):
        if gone():
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(gone, seconds=seconds):
            return
    raise LocalServerError(f"The process {pid} does not end: {command_of(pid)}")


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll a condition every 10 ms; whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
