"""A PostgreSQL cluster's data: made whole or not at all, and looked over before it is used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.folder import LocalServerError
from deploy.local.postgres_binaries import Binaries

NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


def make_data(data: Path, binaries: Binaries, *, superuser: str, password_file: Path) -> None:
    """Make a cluster beside its place and rename it; raises LocalServerError with initdb's reason."""
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    made = subprocess.run(
        [
            *as_nobody(),
            *(binaries / "initdb", "-D", new, "-U", superuser, "-E", "UTF8"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"),
            *_locale(binaries),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if made.returncode:
        raise LocalServerError(f"PostgreSQL could not make {new}: {made.stderr.strip()}")
    new.rename(data)


def check_data(data: Path, binaries: Binaries, *, passwords: Path) -> None:
    """Raises LocalServerError for data that is not whole, or that another major version made."""
    parts = [data / name for name in ("PG_VERSION", "global/pg_control", "pg_wal", "base")]
    if missing := [part for part in (*parts, passwords) if not part.exists()]:
        raise LocalServerError(
            f"The PostgreSQL data in {data.parent} is broken: {missing[0].name} is missing. "
            "Put a backup in its place, or start over with `make reset` (which deletes all its data)."
        )
    version = (data / "PG_VERSION").read_text().strip()
    if version != str(binaries.major):
        raise LocalServerError(
            f"The data in {data} was made by PostgreSQL {version}, but the programs found are version "
            f"{binaries.major} ({binaries.folder}). Set JISHI_POSTGRES_BIN to the programs of version {version}, "
            "or start over with `make reset` (which deletes all its data)."
        )


def as_nobody() -> tuple[str, ...]:
    """PostgreSQL refuses root: a user namespace makes it nobody, and changes no permission (limits A4)."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("unshare"):
        allowed = subprocess.run([*NOBODY, "true"], capture_output=True, timeout=10)
        if allowed.returncode == 0:
            return NOBODY
    raise LocalServerError(
        "PostgreSQL refuses to run as root, and this machine allows no user namespaces. Start as an ordinary user."
    )


def _locale(binaries: Binaries) -> list[str]:
    """UTF-8 sorted by code point on every system; trigrams and text search know Chinese by the character type."""
    character_type = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    options = ["--locale=C", f"--lc-ctype={character_type}"]
    if binaries.major >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options
