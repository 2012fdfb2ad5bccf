"""The journal as calls: everything that was asked under one key, and all that was answered to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.journal import Entry, Phase

STILL_RUNNING = "/problems/idempotency-in-progress"


@dataclass(frozen=True, slots=True)
class Call:
    """One wish of a shopper, asked once or, with the same key, again and again."""

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
    def is_acknowledged(self) -> bool:
        """Whether the shop ever said yes."""
        return any(entry.is_done for entry in self.entries)

    @property
    def may_have_happened(self) -> bool:
        """Whether the shop did it, or may have without saying so: only if every try was refused it did not."""
        refused = sum(_is_refusal(entry) for entry in self.entries)
        return self.is_acknowledged or refused < self.tries

    @property
    def tries(self) -> int:
        """How often it was asked."""
        return sum(entry.phase is Phase.ASKED for entry in self.entries)


def calls_of(entries: Iterable[Entry]) -> list[Call]:
    """The calls of a journal in the order in which they were first asked; faults are left out."""
    grouped: dict[tuple[str, int, str, str | None], list[Entry]] = {}
    for entry in entries:
        if entry.phase is not Phase.FAULT:
            grouped.setdefault((entry.shopper, entry.seq, entry.call, entry.key), []).append(entry)
    return [
        Call(name, shopper, key, found[0].request, tuple(found))
        for (shopper, _, name, key), found in grouped.items()
    ]


def _is_refusal(entry: Entry) -> bool:
    """Whether this says that the try came to nothing; «the first is still running» does not."""
    is_running = isinstance(entry.body, dict) and entry.body.get("type") == STILL_RUNNING
    return entry.phase is Phase.ANSWERED and not entry.is_done and not is_running
