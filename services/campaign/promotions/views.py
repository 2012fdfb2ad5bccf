"""How full reductions look from outside."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.campaign.lifecycle import Status
from services.campaign.promotions.domain import FullReduction, Tier
from services.campaign.scopes import Scope
from shared.http.bodies import View


class PromotionView(View):
    """A promotion that runs now, as shoppers see it."""

    promotion_id: UUID
    kind: Literal["full_reduction"]
    name: str
    scope: Scope
    tiers: list[Tier]
    ends_at: datetime | None

    @classmethod
    def of(cls, rule: FullReduction) -> "PromotionView":
        """The view of a full reduction."""
        return cls(
            promotion_id=rule.id,
            kind="full_reduction",
            name=rule.name,
            scope=rule.scope,
            tiers=list(rule.tiers),
            ends_at=rule.ends_at,
        )


class FullReductionView(View):
    """A full reduction as operators see it."""

    full_reduction_id: UUID
    version: int
    status: Status
    name: str
    scope: Scope
    tiers: list[Tier]
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def of(cls, rule: FullReduction) -> "FullReductionView":
        """The view of a stored rule."""
        values = asdict(rule)
        return cls.model_validate({"full_reduction_id": values.pop("id")} | values)
