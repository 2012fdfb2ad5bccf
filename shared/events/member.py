"""What the member service announces."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.events.base import Event


class MemberRegistered(Event):
    """Somebody logged in for the first time."""

    type: ClassVar[str] = "member.registered.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    member_id: UUID
    scene: str | None
    registered_at: datetime


class PhoneBound(Event):
    """A member bound a phone, after consent for just that."""

    type: ClassVar[str] = "phone.bound.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    member_id: UUID
    bound_at: datetime


class PointsEarned(Event):
    """Points were added for something the member did (MB-03)."""

    type: ClassVar[str] = "points.earned.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    entry_id: UUID
    member_id: UUID
    points: int
    reason: str
    source_id: str
    earned_at: datetime


class PointsSpent(Event):
    """Held points were used up by a paid order (MB-04)."""

    type: ClassVar[str] = "points.spent.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    entry_id: UUID
    member_id: UUID
    points: int
    order_id: UUID
    spent_at: datetime


class PointsReversed(Event):
    """A refund moved points: earned ones taken back (negative), spent ones returned (positive)."""

    type: ClassVar[str] = "points.reversed.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    entry_id: UUID
    member_id: UUID
    points: int
    reason: str
    order_id: UUID
    refund_id: UUID
    reversed_at: datetime


class LevelChanged(Event):
    """Growth moved a member to another level (MB-01)."""

    type: ClassVar[str] = "level.changed.v1"
    subject: ClassVar[str] = "member_id"
    announced_by: ClassVar[str] = "member"

    member_id: UUID
    from_level: str
    to_level: str
    growth: int
    changed_at: datetime
