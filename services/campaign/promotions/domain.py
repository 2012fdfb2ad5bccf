"""Full reductions: so much off once the goods in scope reach a tier (满减, MK-03)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.campaign.lifecycle import Status, check_change, step
from services.campaign.scopes import Scope
from shared.http.problems import Invalid

MOST_TIERS = 10


@dataclass(frozen=True, slots=True)
class Tier:
    """`reduction_fen` off from `threshold_fen` of goods and `threshold_quantity` of units on; as the price engine has it."""

    reduction_fen: int
    threshold_fen: int = 0
    threshold_quantity: int = 0

    def __post_init__(self) -> None:
        if self.threshold_fen == self.threshold_quantity == 0:
            raise Invalid("A tier needs a threshold_fen or a threshold_quantity above 0.")
        if 0 < self.threshold_fen < self.reduction_fen:
            raise Invalid("A tier takes no more off than what it begins at.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FullReduction:
    """A rule whose best tier reached is taken off, once; an open end of its window is None. Raises Invalid."""

    id: UUID
    name: str
    scope: Scope
    tiers: tuple[Tier, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    status: Status = Status.DRAFT
    version: int = 1

    def __post_init__(self) -> None:
        if len({(tier.threshold_fen, tier.threshold_quantity) for tier in self.tiers}) != len(self.tiers):
            raise Invalid("Two tiers begin at the same thresholds.")
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise Invalid("starts_at must lie before ends_at.")

    def changed(self, changes: Mapping[str, Any], *, version: int) -> "FullReduction":
        """The next version, for carts priced from now on. Raises Invalid, IllegalStatus, ChangedMeanwhile."""
        check_change(self.status, version=self.version, read_version=version)
        return replace(self, version=self.version + 1, **changes)

    def started(self) -> "FullReduction":
        """The rule as it runs; raises IllegalStatus."""
        return replace(self, status=step(self.status, Status.RUNNING))

    def stopped(self) -> "FullReduction":
        """The rule ended for good; raises IllegalStatus."""
        return replace(self, status=step(self.status, Status.STOPPED))
