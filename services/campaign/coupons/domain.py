"""A member's coupon and its life: available → locked → used, or available → expired (C2-C4)."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.http.problems import Problem

CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12


class CouponState(StrEnum):
    """Where a coupon stands."""

    AVAILABLE = "available"
    LOCKED = "locked"
    USED = "used"
    EXPIRED = "expired"


class Step(StrEnum):
    """What an order does to its coupon."""

    LOCK = "lock"
    RELEASE = "release"
    REDEEM = "redeem"
    RESTORE = "restore"


MOVES = {
    Step.LOCK: (CouponState.AVAILABLE, CouponState.LOCKED),
    Step.RELEASE: (CouponState.LOCKED, CouponState.AVAILABLE),
    Step.REDEEM: (CouponState.LOCKED, CouponState.USED),
    Step.RESTORE: (CouponState.USED, CouponState.AVAILABLE),
}


class Unusable(StrEnum):
    """Why an order cannot have a coupon."""

    USED = "used"
    LOCKED = "locked"
    EXPIRED = "expired"
    NOT_STARTED = "not_started"


REASONS = {
    Unusable.USED: "The coupon was used by another order.",
    Unusable.LOCKED: "Another order holds the coupon.",
    Unusable.EXPIRED: "The coupon has expired.",
    Unusable.NOT_STARTED: "The coupon cannot be used yet.",
}


class CouponNotUsable(Problem):
    """The coupon is not free to be used now; ``reason`` tells why."""

    slug, title, status = "campaign/coupon-not-usable", "The coupon cannot be used", 409


class Unclaimable(StrEnum):
    """Why a member cannot claim a coupon."""

    NOT_STARTED = "not_started"
    ENDED = "ended"
    NOT_FOR_YOU = "not_for_you"
    LIMIT_REACHED = "limit_reached"
    NONE_LEFT = "none_left"


class CouponNotClaimable(Problem):
    """The member cannot have this coupon, or not another one; ``reason`` tells why."""

    slug, title, status = "campaign/coupon-not-claimable", "The coupon cannot be claimed", 409


@dataclass(frozen=True, slots=True)
class Coupon:
    """One member's copy of a template at one version."""

    id: UUID
    template_id: UUID
    member_id: UUID
    state: CouponState
    starts_at: datetime
    expires_at: datetime

    def state_at(self, at: datetime) -> CouponState:
        """The state as everybody sees it: past its end a coupon is expired, marked or not."""
        if self.state is CouponState.AVAILABLE and self.expires_at <= at:
            return CouponState.EXPIRED
        return self.state

    def unusable(self, at: datetime) -> Unusable | None:
        """Why an order cannot have it now, or None."""
        state = self.state_at(at)
        if state is not CouponState.AVAILABLE:
            return Unusable(state)
        return Unusable.NOT_STARTED if at < self.starts_at else None


def new_code() -> str:
    """A coupon's number as people read it out: 60 random bits, without letters that look alike."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
