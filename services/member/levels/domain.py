"""Levels and the rule from growth to level (MB-01, MB-02, L5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from shared.http.problems import Invalid

MOST_LEVELS = 4


class PerkKind(StrEnum):
    """What a level brings besides its discount."""

    FREIGHT_COUPON = "freight_coupon"
    BIRTHDAY_GIFT = "birthday_gift"
    EARLY_ACCESS = "early_access"
    PRIORITY_SERVICE = "priority_service"


@dataclass(frozen=True, slots=True)
class Perk:
    """One perk, and how it is put to members."""

    kind: PerkKind
    text: str


@dataclass(frozen=True, slots=True)
class Level:
    """A level that members of so much growth have. `discount_bp` is what is still paid: 9500 pays 95 %."""

    code: str
    name: str
    threshold_growth: int
    discount_bp: int
    perks: tuple[Perk, ...] = ()

    def document(self) -> dict[str, Any]:
        """The level as JSON values."""
        return {
            "code": self.code,
            "name": self.name,
            "threshold_growth": self.threshold_growth,
            "discount_bp": self.discount_bp,
            "perks": [{"kind": perk.kind, "text": perk.text} for perk in self.perks],
        }


def check_levels(levels: Sequence[Level]) -> None:
    """Raise Invalid unless there are 1 to 4 levels, from growth 0 up, each worth at least the one before it."""
    if not 1 <= len(levels) <= MOST_LEVELS:
        raise Invalid(f"There are 1 to {MOST_LEVELS} levels.")
    if levels[0].threshold_growth != 0:
        raise Invalid("The first level begins at growth 0.")
    if len({level.code for level in levels}) != len(levels):
        raise Invalid("Every level has a code of its own.")
    for lower, upper in pairwise(levels):
        if lower.threshold_growth >= upper.threshold_growth:
            raise Invalid("Levels are listed by rising thresholds.")
        if lower.discount_bp < upper.discount_bp:
            raise Invalid("A higher level never pays more.")


def level_of(levels: Sequence[Level], growth: int) -> Level:
    """The level that so much growth has; the only place where this is decided."""
    return next(level for level in reversed(levels) if level.threshold_growth <= growth)


def next_level(levels: Sequence[Level], growth: int) -> Level | None:
    """The level that comes next, or None at the top."""
    return next((level for level in levels if level.threshold_growth > growth), None)
