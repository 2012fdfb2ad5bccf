"""The set-up: locks as fresh as pyproject.toml, targets that explain themselves, a first step any Python can read."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from deploy.local import setup
from deploy.local.home import PROJECT
from deploy.local.lock import DEV, RUNTIME, dependencies_digest, header

LOCKS = [RUNTIME, DEV]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_as_fresh_as_the_dependencies(lock: str) -> None:
    first_line = (PROJECT / lock).read_text().split("\n", 1)[0] + "\n"
    assert first_line == header((PROJECT / "pyproject.toml").read_text()), "run `make lock`"


def test_a_changed_dependency_changes_the_digest() -> None:
    pyproject = (PROJECT / "pyproject.toml").read_text()
    for old, new in (('"fastapi>=', '"fastapi>'), ('"pytest>=', '"pytest>'), ("dev = [", 'dev = ["six",')):
        assert old in pyproject
        assert dependencies_digest(pyproject.replace(old, new)) != dependencies_digest(pyproject)
    assert dependencies_digest(pyproject + "\n[tool.other]\nname = 1\n") == dependencies_digest(pyproject)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_host(lock: str) -> None:
    text = (PROJECT / lock).read_text()
    assert "://" not in text
    packages = re.split(r"\n(?=[a-z0-9])", text.split("\n", 1)[1].strip(), flags=re.IGNORECASE)
    assert len(packages) > 50
    for package in packages:
        assert re.match(
            r"[a-z0-9][\w.-]*==\S+( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+$", package
        )


def test_both_locks_agree_on_every_package() -> None:
    pins = [set(re.findall(r"^(\S+==\S+)", (PROJECT / lock).read_text(), re.MULTILINE)) for lock in LOCKS]
    names = [{pin.split("==")[0] for pin in lock} for lock in pins]
    assert {pin.split("==")[0] for pin in pins[0] ^ pins[1]} == names[0] ^ names[1]


def test_every_target_of_make_says_what_it_is_for() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## [A-Z]", makefile, re.MULTILINE))
    assert targets == explained
    assert targets == set(re.findall(r"\S+", re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE)[0]))
    listed = subprocess.run(
        ["make", "-s", "--no-print-directory"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == targets


def test_an_old_python_can_read_the_first_step() -> None:
    ast.parse(Path(setup.__file__).read_text(), feature_version=(3, 6))
