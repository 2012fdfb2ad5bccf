"""Every test that the failure checklist names exists, so that the checklist cannot promise what nobody checks."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKLIST = ROOT / "docs" / "architecture" / "failure-checklist.md"
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of a file's tests; none when there is no such file."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_text()).body
    functions = [each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


def rows() -> list[str]:
    """The lines of the checklist's tables, without their heads."""
    lines = CHECKLIST.read_text().splitlines()
    return [line for line in lines if line.startswith("| ") and not line.startswith("| It happens")]


def test_every_test_that_the_checklist_names_exists() -> None:
    named = NODE.findall(CHECKLIST.read_text())
    assert len(named) > 80
    missing: dict[str, list[str]] = defaultdict(list)
    for file, name in named:
        if name not in names_in(file):
            missing[file].append(name)
    assert dict(missing) == {}


def test_every_line_of_the_checklist_names_a_test() -> None:
    assert [row for row in rows() if not NODE.search(row)] == []
    assert [row for row in rows() if row.count("tests/") != len(NODE.findall(row))] == []
