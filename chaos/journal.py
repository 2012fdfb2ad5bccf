"""What the shoppers asked and were told, durable before their next step: the only witness beside the simulator's books.

A run's folder holds `schedule.json`, `journal.jsonl` (these entries), `opening.json` and `observed.json`
(`chaos/observation.py`), `books.json` (the simulator's own) and the reports. `chaos/checker/shapes.py` says
what is read of the `request` and the answer of each call; a request is the body that was sent, and the ids it was sent to.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

JOURNAL_FILE = "journal.jsonl"
HARNESS = "harness"


class Phase(StrEnum):
    """How far a call came."""

    ASKED = "asked"  # written before the call leaves
    ANSWERED = "answered"  # the shop's own answer, with its status and body
    UNKNOWN = "unknown"  # no word of the shop: a time-out, a lost connection, 5xx; repeated with the same key
    FAULT = "fault"  # told by the harness: what was broken, in `request`


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal.

    `shopper` names who acted (operators and the harness too) and `seq` counts that actor's steps: the lines of one
    call, and of its repeats, share shopper, seq, call and key. What was sent several times at once shares the key alone.
    """

    at: datetime
    shopper: str
    seq: int
    call: str
    phase: Phase
    key: str | None
    request: Mapping[str, Any]
    status: int | None
    body: Any

    @property
    def is_done(self) -> bool:
        """Whether the shop acknowledged the call: what it then said must hold for ever."""
        return self.phase is Phase.ANSWERED and self.status is not None and 200 <= self.status < 300


class Journal:
    """Appends entries; each call returns once its line is on the disk, together with the lines of others (group commit)."""

    def __init__(self, folder: Path) -> None:
        self._file: TextIO = (folder / JOURNAL_FILE).open("a", encoding="utf-8")
        self._written = 0
        self._durable = 0
        self._syncing = asyncio.Lock()

    async def ask(
        self, shopper: str, seq: int, call: str, key: str | None, request: Mapping[str, Any]
    ) -> None:
        """Say what will be asked, before it is."""
        await self._write(shopper, seq, call, Phase.ASKED, key=key, request=request)

    async def answer(
        self, shopper: str, seq: int, call: str, key: str | None, *, status: int, body: Any
    ) -> None:
        """Say what the shop answered."""
        await self._write(shopper, seq, call, Phase.ANSWERED, key=key, status=status, body=body)

    async def unknown(
        self,
        shopper: str,
        seq: int,
        call: str,
        key: str | None,
        *,
        status: int | None = None,
        body: Any = None,
    ) -> None:
        """Say that the shop did not answer: `status` and `body` are what a gateway said in its place, if anything."""
        await self._write(shopper, seq, call, Phase.UNKNOWN, key=key, status=status, body=body)

    async def fault(self, seq: int, request: Mapping[str, Any]) -> None:
        """Say what the harness broke."""
        await self._write(HARNESS, seq, "fault", Phase.FAULT, key=None, request=request)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def _write(
        self,
        shopper: str,
        seq: int,
        call: str,
        phase: Phase,
        *,
        key: str | None,
        request: Mapping[str, Any] | None = None,
        status: int | None = None,
        body: Any = None,
    ) -> None:
        entry = Entry(datetime.now(UTC), shopper, seq, call, phase, key, request or {}, status, body)
        self._file.write(json.dumps(asdict(entry) | {"at": entry.at.isoformat()}, ensure_ascii=False) + "\n")
        self._written += 1
        mine = self._written
        while self._durable < mine:
            async with self._syncing:
                if self._durable < mine:
                    upto = self._written
                    self._file.flush()
                    await asyncio.to_thread(os.fsync, self._file.fileno())
                    self._durable = upto


def read_journal(folder: Path) -> Iterator[Entry]:
    """The entries of a run in the order in which they were written; a last line cut short by a kill is left out."""
    with (folder / JOURNAL_FILE).open(encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            raw = json.loads(line)
            yield Entry(**(raw | {"at": datetime.fromisoformat(raw["at"]), "phase": Phase(raw["phase"])}))
