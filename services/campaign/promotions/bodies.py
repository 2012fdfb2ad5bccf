"""What operators send about full reductions."""

from typing import Annotated, Any

from pydantic import Field

from services.campaign.promotions.domain import MOST_TIERS, FullReduction, Tier
from services.campaign.scopes import ScopeBody
from shared.http.bodies import Body, Fen, Instant, Text, Version
from shared.ids import new_id
from shared.money import MAX_ORDER_FEN

Name = Annotated[Text, Field(max_length=50)]


class TierBody(Body):
    """A step of a full reduction: at least one threshold is above 0."""

    reduction_fen: Annotated[int, Field(ge=1, le=MAX_ORDER_FEN)]
    threshold_fen: Fen = 0
    threshold_quantity: Annotated[int, Field(ge=0, le=9_999)] = 0

    def tier(self) -> Tier:
        """The tier; raises Invalid."""
        return Tier(self.reduction_fen, self.threshold_fen, self.threshold_quantity)


Tiers = Annotated[list[TierBody], Field(min_length=1, max_length=MOST_TIERS)]


class FullReductionCreate(Body):
    """A new full reduction, as a draft."""

    name: Name
    scope: ScopeBody = ScopeBody()
    tiers: Tiers
    starts_at: Instant | None = None
    ends_at: Instant | None = None

    def full_reduction(self) -> FullReduction:
        """The draft; raises Invalid."""
        return FullReduction(
            id=new_id(),
            name=self.name,
            scope=self.scope.scope(),
            tiers=tuple(tier.tier() for tier in self.tiers),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


class FullReductionChange(Body):
    """The fields to change, and the version they were read at: a change based on an old reading is refused."""

    version: Version
    name: Name = ""
    scope: ScopeBody = ScopeBody()
    tiers: Tiers = Field(default_factory=list)
    starts_at: Instant | None = None
    ends_at: Instant | None = None

    def changes(self) -> dict[str, Any]:
        """The given fields; raises Invalid."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        if "scope" in given:
            given["scope"] = self.scope.scope()
        if "tiers" in given:
            given["tiers"] = tuple(tier.tier() for tier in self.tiers)
        return given
