"""Which coupons a visitor can claim now."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.campaign.coupon_templates.storage import OPEN, RULE_COLUMNS
from services.campaign.coupon_templates.views import ClaimableTemplate
from services.campaign.scopes import with_scope
from shared.connection import Connection

_CLAIMED = (
    "(SELECT count(*) FROM coupons c WHERE c.template_id = t.id AND c.member_id = CAST(:member_id AS uuid))"
)
_CLAIMABLE = text(
    f"SELECT *, greatest(0, least(per_member_limit - claimed, remaining)) AS claimable FROM ("
    f" SELECT t.id AS template_id, {RULE_COLUMNS}, t.audience, t.claim_until_at, t.valid_days, t.valid_from_at,"
    f" t.valid_until_at, t.total_quota - t.issued AS remaining, t.per_member_limit, {_CLAIMED} AS claimed"
    " FROM coupon_templates t JOIN coupon_rules r ON r.template_id = t.id AND r.version = t.version"
    f" WHERE {OPEN} AND t.id < :before ORDER BY t.id DESC LIMIT :limit) AS found"
)


async def claimable_templates(
    connection: Connection, *, member_id: UUID | None, at: datetime, before: UUID, limit: int
) -> Sequence[ClaimableTemplate]:
    """Templates open to this member, or to a visitor, newest first; one statement."""
    values = {"member_id": member_id, "at": at, "before": before, "limit": limit}
    rows = await connection.execute(_CLAIMABLE, values)
    return [ClaimableTemplate.model_validate(with_scope(row)) for row in rows]
