"""What operators send about templates."""

from typing import Annotated, Any

from pydantic import Field

from services.campaign.coupon_templates.domain import (
    RULE_FIELDS,
    Audience,
    CouponKind,
    CouponRule,
    CouponTemplate,
)
from services.campaign.scopes import ScopeBody
from shared.http.bodies import BasisPoints, Body, Fen, Instant, Text, Version
from shared.ids import new_id
from shared.money import MAX_ORDER_FEN, WHOLE_BP

Name = Annotated[Text, Field(max_length=50)]
Kind = Annotated[CouponKind, Field(strict=False)]
Quota = Annotated[int, Field(ge=1, le=100_000_000)]


class Terms(Body):
    """The terms of a template; ``discount_bp`` is what is still paid: 9000 pays 90 % (9折)."""

    threshold_fen: Fen = 0
    scope: ScopeBody = ScopeBody()
    stackable_with_full_reduction: bool = True
    amount_fen: Fen = 0
    discount_bp: BasisPoints = WHOLE_BP
    cap_fen: Annotated[int, Field(ge=1, le=MAX_ORDER_FEN)] | None = None
    audience: Annotated[Audience, Field(strict=False)] = Audience.EVERYBODY
    per_member_limit: Annotated[int, Field(ge=1, le=1_000)] = 1
    claim_from_at: Instant | None = None
    claim_until_at: Instant | None = None
    valid_days: Annotated[int, Field(ge=1, le=3_650)] | None = None
    valid_from_at: Instant | None = None
    valid_until_at: Instant | None = None


class CouponTemplateCreate(Terms):
    """A new template, as a draft."""

    name: Name
    kind: Kind
    total_quota: Quota

    def template(self) -> CouponTemplate:
        """The draft; raises Invalid."""
        values = {name: getattr(self, name) for name in CouponTemplateCreate.model_fields} | {
            "scope": self.scope.scope()
        }
        rule = CouponRule(**{name: values.pop(name) for name in RULE_FIELDS})
        return CouponTemplate(id=new_id(), rule=rule, **values)


class CouponTemplateChange(Terms):
    """The fields to change, and the version they were read at: a change based on an old reading is refused."""

    version: Version
    name: Name = ""
    kind: Kind = CouponKind.AMOUNT
    total_quota: Quota = 1

    def changes(self) -> dict[str, Any]:
        """The given fields; raises Invalid."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        return given | ({"scope": self.scope.scope()} if "scope" in given else {})
