"""The rows of templates; each version of a rule is kept for ever, so an edit never changes a claimed coupon (C3)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.campaign.coupon_templates.domain import (
    RULE_FIELDS,
    Audience,
    CouponKind,
    CouponRule,
    CouponTemplate,
)
from services.campaign.lifecycle import Status
from services.campaign.scopes import with_scope
from shared.connection import Connection, Row

_TEMPLATE = (
    "audience",
    "total_quota",
    "per_member_limit",
    "claim_from_at",
    "claim_until_at",
    "valid_days",
    "valid_from_at",
    "valid_until_at",
    "status",
    "version",
)
_RULE = (
    "name",
    "kind",
    "scope_kind",
    "scope_ids",
    "threshold_fen",
    "stackable_with_full_reduction",
    "amount_fen",
    "discount_bp",
    "cap_fen",
)
RULE_COLUMNS = ", ".join(f"r.{name}" for name in _RULE)
"""A rule in a statement that calls ``coupon_rules`` r."""

OPEN = (
    "t.status = 'running' AND t.issued < t.total_quota AND (t.claim_from_at IS NULL OR t.claim_from_at <= :at)"
    " AND (t.claim_until_at IS NULL OR t.claim_until_at > :at)"
    " AND (t.valid_until_at IS NULL OR t.valid_until_at > :at) AND (t.audience = 'everybody' OR NOT EXISTS ("
    "SELECT FROM buyers WHERE buyers.member_id = :member_id))"
)
"""A template t that is open for this member now; the per-member limit comes on top."""

_FROM = (
    f"SELECT t.id, {', '.join(f't.{name}' for name in _TEMPLATE)}, t.issued, {RULE_COLUMNS} FROM coupon_templates t"
    " JOIN coupon_rules r ON r.template_id = t.id AND r.version = t.version"
)
_FIND = text(f"{_FROM} WHERE t.id = :id")
_LOCK = text(f"{_FROM} WHERE t.id = :id FOR NO KEY UPDATE OF t")
_PAGE = text(
    f"{_FROM} WHERE t.id < :before AND (CAST(:status AS text) IS NULL OR t.status = :status)"
    " ORDER BY t.id DESC LIMIT :limit"
)
_INSERT = text(
    f"INSERT INTO coupon_templates (id, {', '.join(_TEMPLATE)}, created_at, updated_at)"
    f" VALUES (:id, {', '.join(f':{name}' for name in _TEMPLATE)}, :at, :at)"
)
_UPDATE = text(
    f"UPDATE coupon_templates SET {', '.join(f'{name} = :{name}' for name in _TEMPLATE)}, updated_at = :at"
    " WHERE id = :id"
)
_INSERT_RULE = text(
    f"INSERT INTO coupon_rules (template_id, version, {', '.join(_RULE)}, created_at)"
    f" VALUES (:id, :version, {', '.join(f':{name}' for name in _RULE)}, :at)"
)


class CouponTemplates:
    """Templates, each with the newest version of its rule."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, template_id: UUID) -> CouponTemplate | None:
        """One template."""
        row = (await self._connection.execute(_FIND, {"id": template_id})).one_or_none()
        return _template(row) if row else None

    async def lock(self, template_id: UUID) -> CouponTemplate | None:
        """One template; nobody claims from it or changes it until this transaction ends."""
        row = (await self._connection.execute(_LOCK, {"id": template_id})).one_or_none()
        return _template(row) if row else None

    async def page(self, *, before: UUID, status: Status | None, limit: int) -> Sequence[CouponTemplate]:
        """Templates before an id, newest first."""
        values = {"before": before, "status": status, "limit": limit}
        return [_template(row) for row in (await self._connection.execute(_PAGE, values))]

    async def insert(self, template: CouponTemplate, *, at: datetime) -> None:
        """Store a new template with the first version of its rule."""
        await self._connection.execute(_INSERT, _values(template, at))
        await self._connection.execute(_INSERT_RULE, _values(template, at))

    async def save_version(self, template: CouponTemplate, *, at: datetime) -> None:
        """Store a locked template as its next version."""
        await self._connection.execute(_UPDATE, _values(template, at))
        await self._connection.execute(_INSERT_RULE, _values(template, at))

    async def save_status(self, template: CouponTemplate, *, at: datetime) -> None:
        """Store the status of a locked template."""
        await self._connection.execute(_UPDATE, _values(template, at))


def _values(template: CouponTemplate, at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = asdict(template)
    values |= values.pop("rule")
    scope = values.pop("scope")
    return values | {"scope_kind": scope["kind"], "scope_ids": list(scope["ids"]), "at": at}


def _template(row: Row) -> CouponTemplate:
    values = with_scope(row)
    rule = {name: values.pop(name) for name in RULE_FIELDS}
    rule["kind"] = CouponKind(rule["kind"])
    values |= {"audience": Audience(values["audience"]), "status": Status(values["status"])}
    return CouponTemplate(rule=CouponRule(**rule), **values)
