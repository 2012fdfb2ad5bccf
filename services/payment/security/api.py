"""Security events as operators see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Depends

from services.payment.resources import Own
from services.payment.security.queries import list_events
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import Operator
from shared.http.paging import After, Limit, Page, cursor, position
from shared.http.problems import Invalid

router = service_router("/operator/payment-security-events", tags=["operator"])


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
        rows = await list_events(connection, before=before, limit=limit + 1)
    items = [SecurityEventView(**row) for row in rows[:limit]]
    return Page(items=items, next=cursor(items[-1].id) if len(rows) > limit else None)
