"""The verdict on a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.checker.case import read_case
from chaos.checker.rules import RULES


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a run broke, and where: what the evidence demands, and what the shop says instead."""

    rule: str
    keys: Mapping[str, str]
    expected: object
    found: object


def check(folder: Path) -> list[Finding]:
    """Everything that is wrong in a run's folder; nothing, if the shop kept its promises.

    Raises OSError or pydantic's ValidationError when the evidence cannot be read.
    """
    case = read_case(folder)
    return [
        Finding(name, fault.keys, fault.expected, fault.found)
        for name, rule in RULES.items()
        for fault in rule(case)
    ]
