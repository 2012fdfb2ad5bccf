"""How templates look from outside."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from services.campaign.coupon_templates.domain import Audience, CouponKind, CouponTemplate
from services.campaign.lifecycle import Status
from services.campaign.scopes import Scope
from shared.http.bodies import View


class RuleView(View):
    """What a coupon is worth; ``discount_bp`` is what is still paid: 9000 pays 90 % (9折)."""

    name: str
    kind: CouponKind
    scope: Scope
    threshold_fen: int
    stackable_with_full_reduction: bool
    amount_fen: int
    discount_bp: int
    cap_fen: int | None


class CouponTemplateView(RuleView):
    """A template as operators see it."""

    template_id: UUID
    version: int
    status: Status
    audience: Audience
    total_quota: int
    per_member_limit: int
    issued: int
    claim_from_at: datetime | None
    claim_until_at: datetime | None
    valid_days: int | None
    valid_from_at: datetime | None
    valid_until_at: datetime | None

    @classmethod
    def of(cls, template: CouponTemplate) -> "CouponTemplateView":
        """The view of a stored template."""
        values = asdict(template)
        return cls.model_validate({"template_id": values.pop("id")} | values.pop("rule") | values)


class ClaimableTemplate(RuleView):
    """A coupon to be claimed now; ``claimed`` is how many of it the caller has had, ``claimable`` how many more."""

    template_id: UUID
    audience: Audience
    claim_until_at: datetime | None
    valid_days: int | None
    valid_from_at: datetime | None
    valid_until_at: datetime | None
    remaining: int
    per_member_limit: int
    claimed: int
    claimable: int
