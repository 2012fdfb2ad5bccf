"""Pin every package by version and hash: `python -m deploy.local.lock`, for `make lock`; needs uv.

The locks name no host, so that everybody's own package index serves them; they start from the pins they hold, so that
only what must change does.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy.local.home import PROJECT

RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
SOURCES = {RUNTIME: ["pyproject.toml"], DEV: ["--group", "dev", "--constraint", RUNTIME]}


def dependencies_digest(pyproject: str) -> str:
    """What the dependency tables of a pyproject.toml say, in short."""
    tables = tomllib.loads(pyproject)
    wanted = [
        tables["project"]["requires-python"],
        tables["project"]["dependencies"],
        tables["project"].get("optional-dependencies", {}),
        tables["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def header(pyproject: str) -> str:
    """The first line of a lock made for these dependency tables."""
    return f"# Made by `make lock` for the dependencies with digest {dependencies_digest(pyproject)}\n"


def write_locks(project: Path, arguments: list[str]) -> None:
    """Resolve both locks again; `--upgrade` among the arguments takes the newest versions."""
    pyproject = (project / "pyproject.toml").read_text()
    for name, sources in SOURCES.items():
        subprocess.run(
            [
                *("uv", "pip", "compile", "--quiet", *sources, *arguments),
                *("--universal", "--python-version", "3.11", "--generate-hashes", "--output-file", name),
                *("--no-header", "--no-annotate", "--no-emit-index-url"),
            ],
            cwd=project,
            check=True,
        )
        lock = project / name
        lock.write_text(header(pyproject) + lock.read_text())


if __name__ == "__main__":
    write_locks(PROJECT, sys.argv[1:])
