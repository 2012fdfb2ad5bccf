"""``python -m audit``: look for broken invariants in all service databases; 0 clean, 1 violations, 2 could not check."""

import argparse
import asyncio
import os
import sys
import time
from functools import partial
from pathlib import Path

import asyncpg

from audit.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from audit.clauses import CLAUSES
from audit.databases import Place, find_databases
from audit.report import progress_line, write_json, write_text
from audit.run import Mode, Result, audit
from deploy.local.folder import LocalServerError
from deploy.local.home import HOME

CHECKPOINT = HOME / "audit.json"
COULD_NOT_CHECK = 2


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--live", dest="mode", action="store_const", const=Mode.LIVE, help="the shop is in use")
    mode.add_argument("--rest", dest="mode", action="store_const", const=Mode.REST, help="all has settled")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--checkpoint", type=Path, default=CHECKPOINT, metavar="FILE", help=f"default {CHECKPOINT}"
    )
    parser.add_argument("--from-scratch", action="store_true", help="trust nothing that was verified before")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run one audit; returns the exit code."""
    arguments = _arguments(words)
    os.nice(10)
    began = time.monotonic()
    try:
        with find_databases() as place:
            mode = arguments.mode or (Mode.LIVE if place.is_running else Mode.REST)
            _say(f"Audit of {len(place.urls)} databases, {mode}{_why(arguments.mode, place)}")
            result = asyncio.run(_audit(place, mode, arguments))
    except (LocalServerError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _say(f"Could not check: {error}")
        return COULD_NOT_CHECK
    write = write_json if arguments.json else write_text
    write(result, sys.stdout, mode=mode, seconds=time.monotonic() - began)
    if result.checkpoint is not None:
        write_checkpoint(arguments.checkpoint, result.checkpoint)
    return result.exit_code


async def _audit(place: Place, mode: Mode, arguments: argparse.Namespace) -> Result:
    read = (
        partial(Checkpoint, positions={})
        if arguments.from_scratch
        else partial(read_checkpoint, arguments.checkpoint)
    )
    return await audit(
        place, CLAUSES, mode=mode, read_checkpoint=read, progress=lambda outcome: _say(progress_line(outcome))
    )


def _why(asked: Mode | None, place: Place) -> str:
    if asked is not None:
        return ""
    return " (the shop is running)" if place.is_running else " (the shop stands still)"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
