"""Security events as operators see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy import text

from services.payment.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import Operator
from shared.http.paging import After, Limit, Page, cursor, position
from shared.http.problems import Invalid

router = service_router("/operator/payment-security-events", tags=["operator"])

_LIST = text(
    "SELECT id, kind, subject, detail, at FROM security_events"
    " WHERE CAST(:after AS uuid) IS NULL OR id < :after ORDER BY id DESC LIMIT :limit"
)


class SecurityEventView(View):
    """Something about money that was said and not believed."""

    id: UUID
    kind: str
    subject: str
    detail: dict[str, Any]
    at: datetime


@router.get("", dependencies=[Depends(Operator("finance", "auditor"))])
async def list_security_events(
    resources: Own, after: After = None, limit: Limit = 20
) -> Page[SecurityEventView]:
    """Refused, unknown and disputed statements, newest first."""
    found = position(after, parts=1)
    try:
        before = None if found is None else UUID(str(found[0]))
    except ValueError as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error
    async with reading(resources.engine) as connection:
        rows = (await connection.execute(_LIST, {"after": before, "limit": limit + 1})).all()
    items = [SecurityEventView(**row._asdict()) for row in rows[:limit]]
    return Page(items=items, next=cursor(items[-1].id) if len(rows) > limit else None)
