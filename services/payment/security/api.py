"""Security events as operators see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.payment.resources import Own
from services.payment.security.queries import list_events
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import BooksReader
from shared.http.paging import After, Limit, Page, before_id, page_of

router = service_router("/operator/payment-security-events", tags=["operator"])


class SecurityEventView(View):
    """Something about money that was said and not believed."""

    id: UUID
    kind: str
    subject: str
    detail: dict[str, Any]
    at: datetime


@router.get("")
async def list_security_events(
    caller: BooksReader, resources: Own, after: After = None, limit: Limit = 20
) -> Page[SecurityEventView]:
    """Refused, unknown and disputed statements, newest first."""
    async with reading(resources.engine) as connection:
        rows = await list_events(connection, before=before_id(after), limit=limit + 1)
    return page_of([SecurityEventView(**row) for row in rows], limit, place=lambda each: each.id)
