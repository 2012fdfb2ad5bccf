"""Claiming: a member takes a coupon out of a template (MK-01)."""

from datetime import datetime
from uuid import UUID

from services.campaign.buyers.storage import Buyers
from services.campaign.coupon_templates.domain import Audience, CouponTemplate
from services.campaign.coupon_templates.storage import CouponTemplates
from services.campaign.coupons.domain import CouponNotClaimable, Unclaimable, new_code
from services.campaign.coupons.storage import Coupons
from services.campaign.lifecycle import Status
from shared.database import UnitOfWork
from shared.events import CouponClaimed
from shared.http.problems import NotFound

REASONS = {
    Unclaimable.NOT_STARTED: "Claiming has not begun yet.",
    Unclaimable.ENDED: "Claiming is over.",
    Unclaimable.NOT_FOR_YOU: "This coupon is for new members.",
    Unclaimable.LIMIT_REACHED: "You have had as many of this coupon as a member may.",
    Unclaimable.NONE_LEFT: "All coupons have been claimed.",
}


async def claim_coupon(work: UnitOfWork, template_id: UUID, member_id: UUID, *, at: datetime) -> UUID:
    """Give a member one coupon of a template; returns its id. Raises NotFound, CouponNotClaimable."""
    coupons = Coupons(work.connection)
    coupon_id = await coupons.claim(template_id, member_id, code=new_code(), at=at)
    if coupon_id is None:
        template = await CouponTemplates(work.connection).find(template_id)
        if template is None or template.status is Status.DRAFT:
            raise NotFound()
        claimed = await coupons.count(template_id, member_id)
        has_bought = await Buyers(work.connection).has_bought(member_id)
        reason = why_not_claimable(template, claimed=claimed, has_bought=has_bought, at=at)
        raise CouponNotClaimable(REASONS[reason], reason=reason)
    claimed_event = CouponClaimed(
        coupon_id=coupon_id, coupon_template_id=template_id, member_id=member_id, claimed_at=at
    )
    await work.outbox.add(claimed_event, at=at)
    return coupon_id


def why_not_claimable(
    template: CouponTemplate, *, claimed: int, has_bought: bool, at: datetime
) -> Unclaimable:
    """What a refused claim is told; the refusal itself is decided where the coupons are counted."""
    if template.claim_from_at is not None and at < template.claim_from_at:
        return Unclaimable.NOT_STARTED
    ends = [end for end in (template.claim_until_at, template.valid_until_at) if end is not None]
    if template.status is Status.STOPPED or any(end <= at for end in ends):
        return Unclaimable.ENDED
    if template.audience is Audience.NEW_MEMBERS and has_bought:
        return Unclaimable.NOT_FOR_YOU
    if claimed >= template.per_member_limit:
        return Unclaimable.LIMIT_REACHED
    return Unclaimable.NONE_LEFT
