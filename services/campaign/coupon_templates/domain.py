"""What a coupon is worth, and how a template gives coupons away (MK-01, MK-02)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.campaign.lifecycle import Status, check_change, step
from services.campaign.scopes import EVERYTHING, Scope
from shared.http.problems import Invalid, Problem
from shared.money import WHOLE_BP


class CouponKind(StrEnum):
    """What a coupon lowers, and how."""

    AMOUNT = "amount"
    PERCENT = "percent"
    FREIGHT = "freight"


class Audience(StrEnum):
    """Who may claim; new members are those who never paid an order."""

    EVERYBODY = "everybody"
    NEW_MEMBERS = "new_members"


class QuotaBelowIssued(Problem):
    """More coupons have been claimed than the new quota allows."""

    slug, title, status = "campaign/quota-below-issued", "More coupons are claimed already", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponRule:
    """One version of what a coupon is worth; names and meanings are the price engine's (MK-17).

    An `amount` coupon takes `amount_fen` off; a `percent` coupon leaves `discount_bp` to be paid (9000 pays 90 %,
    9折); a `freight` coupon takes the freight off. The last two take `cap_fen` at most (None: no cap). Raises Invalid.
    """

    name: str
    kind: CouponKind
    scope: Scope = EVERYTHING
    threshold_fen: int = 0
    stackable_with_full_reduction: bool = True
    amount_fen: int = 0
    discount_bp: int = WHOLE_BP
    cap_fen: int | None = None

    def __post_init__(self) -> None:
        if (self.kind is CouponKind.AMOUNT) != (self.amount_fen > 0):
            raise Invalid("An amount coupon, and no other, has an amount_fen above 0.")
        if (self.kind is CouponKind.PERCENT) != (0 < self.discount_bp < WHOLE_BP):
            raise Invalid(
                "A percent coupon, and no other, has a discount_bp from 1 to 9999: what is still paid."
            )
        if self.kind is CouponKind.AMOUNT and self.cap_fen is not None:
            raise Invalid("An amount coupon has no cap_fen.")


RULE_FIELDS = tuple(field.name for field in fields(CouponRule))


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTemplate:
    """What is given away, to whom, how often, and when it can be used. Raises Invalid.

    Coupons are usable either for `valid_days` days (of 24 h) from the claim, or from `valid_from_at` until before
    `valid_until_at`. An open end of the claim window is None.
    """

    id: UUID
    rule: CouponRule
    audience: Audience = Audience.EVERYBODY
    total_quota: int
    per_member_limit: int = 1
    claim_from_at: datetime | None = None
    claim_until_at: datetime | None = None
    valid_days: int | None = None
    valid_from_at: datetime | None = None
    valid_until_at: datetime | None = None
    status: Status = Status.DRAFT
    version: int = 1
    issued: int = 0

    def __post_init__(self) -> None:
        if self.claim_from_at and self.claim_until_at and self.claim_from_at >= self.claim_until_at:
            raise Invalid("claim_from_at must lie before claim_until_at.")
        window = (self.valid_from_at, self.valid_until_at)
        if (self.valid_days is None) == (window == (None, None)):
            raise Invalid(
                "Coupons are usable either for valid_days or from valid_from_at until valid_until_at."
            )
        if self.valid_days is None and not (window[0] and window[1] and window[0] < window[1]):
            raise Invalid("valid_from_at must lie before valid_until_at.")

    def changed(self, changes: Mapping[str, Any], *, version: int) -> "CouponTemplate":
        """The next version, for coupons claimed from now on.

        Raises Invalid, IllegalStatus, ChangedMeanwhile, QuotaBelowIssued.
        """
        check_change(self.status, version=self.version, read_version=version)
        rule = replace(self.rule, **{name: value for name, value in changes.items() if name in RULE_FIELDS})
        others = {name: value for name, value in changes.items() if name not in RULE_FIELDS}
        changed = replace(self, rule=rule, version=self.version + 1, **others)
        if changed.total_quota < self.issued:
            raise QuotaBelowIssued(f"{self.issued} coupons are claimed already.", issued=self.issued)
        return changed

    def started(self) -> "CouponTemplate":
        """The template open for claims; raises IllegalStatus."""
        return replace(self, status=step(self.status, Status.RUNNING))

    def stopped(self) -> "CouponTemplate":
        """The template closed for claims; what is claimed stays usable. Raises IllegalStatus."""
        return replace(self, status=step(self.status, Status.STOPPED))
