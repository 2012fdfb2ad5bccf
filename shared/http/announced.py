"""What a service has announced: its events, for operators who want to see what led to what."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter
from sqlalchemy import text

from shared.database import reading
from shared.http.bodies import Instant, StrictRoute, View
from shared.http.callers import PeopleReader
from shared.http.paging import After, Limit, Page, following, place_after, whole_number
from shared.resources import Resources

_ANNOUNCED = text(
    "SELECT id, envelope FROM outbox WHERE created_at >= :since AND id > :after ORDER BY id LIMIT :limit"
)


class AnnouncedEvent(View):
    """One event as it was announced."""

    id: UUID
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]


def announced_router(resources: Resources) -> APIRouter:
    """The listing of a service's own events."""
    router = APIRouter(prefix="/operator/events", tags=["events"], route_class=StrictRoute)

    @router.get("")
    async def list_events(
        caller: PeopleReader, since: Instant, after: After = None, limit: Limit = 100
    ) -> Page[AnnouncedEvent]:
        """The events announced since an instant, in the order of their announcement."""
        (last,) = place_after(after, whole_number(below=2**63)) or [0]
        async with reading(resources.engine) as connection:
            found = await connection.execute(_ANNOUNCED, {"since": since, "after": last, "limit": limit + 1})
            rows = list(found)
        items = [AnnouncedEvent.model_validate(orjson.loads(row.envelope)) for row in rows[:limit]]
        return Page(items=items, next=following(rows, limit, place=lambda row: row.id))

    return router
