"""``make backup``: a base backup of this machine's shop, from which on every change is archived.

From the first backup on PostgreSQL copies each segment of its journal to ``wal/`` beside the backups, at the latest a minute
after a change, so that any later instant can be restored (``deploy.local.restore``). JISHI_BACKUPS names another disk.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.folder import LocalServerError, ServerFolder
from deploy.local.home import BACKUPS, POSTGRES
from deploy.local.postgres import LocalPostgres

KEEP = 7
"""So many base backups are kept, and the journal since the oldest of them."""

_NAME = "%Y%m%dT%H%M%SZ"


def archiving(backups: Path) -> dict[str, str]:
    """The settings of a server whose journal is archived as soon as there is a folder for it, each segment whole or not."""
    wal = backups / "wal"
    copy = f'cp "%p" "{wal}/%f.part" && mv "{wal}/%f.part" "{wal}/%f"'
    return {
        "archive_mode": "on",
        "archive_command": f'test ! -d "{wal}" || test -f "{wal}/%f" || ({copy})',
        "archive_timeout": "60",
    }


def take_backup(postgres: LocalPostgres, backups: Path, *, now: datetime) -> Path:
    """Back a running server up, whole or not at all; forgets the oldest backups. Raises LocalServerError."""
    (backups / "wal").mkdir(mode=0o700, parents=True, exist_ok=True)
    name = now.astimezone(UTC).strftime(_NAME)
    new, made = backups / f"{name}.new", backups / name
    shutil.rmtree(new, ignore_errors=True)
    postgres.run_program("pg_basebackup", "-D", new, "-X", "none", "-c", "fast", "--no-sync")
    new.rename(made)
    _forget_old(backups)
    return made


def base_backups(backups: Path) -> Iterator[tuple[datetime, Path]]:
    """The base backups with the instants when they were begun, oldest first."""
    for path in sorted(backups.glob("*Z")):
        yield datetime.strptime(path.name, _NAME).replace(tzinfo=UTC), path


@contextmanager
def running_postgres(folder: Path, say: Callable[[str], None] = print) -> Iterator[LocalPostgres]:
    """The shop's server: the running one, or started for as long as the block takes."""
    postgres = LocalPostgres(folder, settings=archiving(BACKUPS), say=say)
    if ServerFolder(folder, server="PostgreSQL").holder() is not None:
        yield postgres
        return
    with postgres:
        yield postgres


def _forget_old(backups: Path) -> None:
    kept = [path for _, path in base_backups(backups)]
    for path in kept[:-KEEP]:
        shutil.rmtree(path)
    if first := _first_segment(kept[-KEEP:][0]):
        for segment in (backups / "wal").iterdir():
            if segment.name[:24] < first:
                segment.unlink()


def _first_segment(backup: Path) -> str | None:
    """The journal's segment with which recovery from a backup begins: ``START WAL LOCATION: 0/2000028 (file 0000…)``."""
    label = (backup / "backup_label").read_text()
    return label.partition("(file ")[2].partition(")")[0] or None


def main() -> None:
    """Take one backup."""
    if not (POSTGRES / "data").exists():
        sys.exit(f"There is no shop in {POSTGRES.parent} to back up.")
    try:
        with running_postgres(POSTGRES) as postgres:
            made = take_backup(postgres, BACKUPS, now=datetime.now(UTC))
    except LocalServerError as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    print(
        f"Backed up to {made} ({size / 2**20:.0f} MB). Every change from here on is archived in {BACKUPS / 'wal'}."
    )


if __name__ == "__main__":
    main()
