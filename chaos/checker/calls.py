"""The journal as calls: everything that was asked under one key, at once or again, and all that was answered to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaos.journal import Entry, Phase

STILL_RUNNING = "/problems/idempotency-in-progress"


@dataclass(frozen=True, slots=True)
class Call:
    """One wish of a shopper, asked once or, with the same key, several times at once, or again and again."""

    name: str
    shopper: str
    key: str | None
    request: Mapping[str, Any]
    entries: tuple[Entry, ...]

    @property
    def acknowledged(self) -> list[Mapping[str, Any]]:
        """What the shop answered each time it said yes: this must hold for ever."""
        return [entry.body for entry in self.entries if entry.is_done]

    @property
    def words(self) -> list[tuple[datetime, Entry]]:
        """The shop's own answers, and when each had been asked for."""
        asked: dict[int, datetime] = {}
        found = []
        for entry in self.entries:
            if entry.phase is Phase.ASKED:
                asked[entry.seq] = entry.at
            elif entry.phase is Phase.ANSWERED:
                found.append((asked[entry.seq], entry))
        return found

    @property
    def is_acknowledged(self) -> bool:
        """Whether the shop ever said yes."""
        return any(entry.is_done for entry in self.entries)

    @property
    def may_have_happened(self) -> bool:
        """Whether the shop did it, or may have without saying so: only if every try was refused it did not."""
        refused = sum(is_refusal(entry) for entry in self.entries)
        return self.is_acknowledged or refused < self.tries

    @property
    def tries(self) -> int:
        """How often it was asked."""
        return sum(entry.phase is Phase.ASKED for entry in self.entries)


def calls_of(entries: Iterable[Entry]) -> list[Call]:
    """The calls of a journal in the order in which they were first asked; faults are left out."""
    grouped: dict[tuple[str, str, int | str], list[Entry]] = {}
    for entry in entries:
        if entry.phase is not Phase.FAULT:
            grouped.setdefault((entry.shopper, entry.call, entry.key or entry.seq), []).append(entry)
    return [
        Call(name, shopper, found[0].key, found[0].request, tuple(found))
        for (shopper, name, _), found in grouped.items()
    ]


def is_refusal(entry: Entry) -> bool:
    """Whether this says that the try came to nothing; «the first is still running» does not."""
    is_running = isinstance(entry.body, dict) and entry.body.get("type") == STILL_RUNNING
    return entry.phase is Phase.ANSWERED and not entry.is_done and not is_running
