"""Listening in on PostgreSQL's protocol: who is in a transaction, and when a COMMIT passes (section 4.D)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from chaos.proxies.wire import Wire

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""How asyncpg ends a transaction: a Query message of its own."""

READY = b"Z\x00\x00\x00\x05"
"""ReadyForQuery, always the last message of an answer; one byte follows: I(dle), T(ransaction), E(rror)."""

APPLICATION = re.compile(rb"application_name\x00(jishi-[^\x00]*)\x00")


class CommitCut(StrEnum):
    """Where the connection breaks: the server never sees the COMMIT, or the client never hears of it.

    `UNHEARD` keeps the answer back and the connection open, for somebody who kills the client meanwhile.
    """

    BEFORE = "before"
    AFTER = "after"
    UNHEARD = "unheard"


@dataclass(slots=True)
class CommitCuts:
    """Orders to cut the next COMMIT of this database, and how many were cut."""

    armed: list[CommitCut] = field(default_factory=list)
    done: list[CommitCut] = field(default_factory=list)

    def take(self, cut: CommitCut) -> bool:
        """Whether this cut was ordered; it is done then."""
        if cut not in self.armed:
            return False
        self.armed.remove(cut)
        self.done.append(cut)
        return True


class PostgresConversation:
    """One connection; `pid` is the process behind it (services name it in their application name)."""

    def __init__(self, cuts: CommitCuts) -> None:
        self._cuts = cuts
        self._is_commit_under_way = False
        self.pid: int | None = None
        self.is_busy = False

    def from_client(self, data: bytes) -> bytes | None:
        if self.pid is None and (named := APPLICATION.search(data)):
            self.pid = int(named[1].rsplit(b"-", 1)[1])
        self.is_busy = True
        if self._cuts.armed and COMMIT in data:
            if self._cuts.take(CommitCut.BEFORE):
                return None
            self._is_commit_under_way = True
        return data

    def from_server(self, data: bytes) -> bytes | None:
        if self._is_commit_under_way and self._cuts.take(CommitCut.AFTER):
            return None
        if self._is_commit_under_way and self._cuts.take(CommitCut.UNHEARD):
            return b""
        self._is_commit_under_way = False
        if data[-6:-1] == READY:
            self.is_busy = data[-1:] != b"I"
        return data

    def ended(self) -> None:
        self.is_busy = False


class PostgresWire:
    """The way to one service's database."""

    def __init__(self, *, server_port: Callable[[], int]) -> None:
        self.cuts = CommitCuts()
        self.wire: Wire[PostgresConversation] = Wire(
            server_port=server_port, open_conversation=lambda: PostgresConversation(self.cuts)
        )

    def busy(self, pid: int | None = None) -> int:
        """How many connections (of one process) are in a transaction or await an answer."""
        return sum(each.is_busy for each in self.wire.open if pid is None or each.pid == pid)
