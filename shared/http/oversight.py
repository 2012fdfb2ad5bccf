"""What operators may look into at every service: who changed what, and which events were given up on (SEC14, E3)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from shared.backlog import backlog
from shared.database import UnitOfWork
from shared.http.bodies import StrictRoute, View
from shared.http.callers import Auditor, Editor, Overseer
from shared.http.identity import Principal
from shared.http.paging import After, Limit, Page, following, page_of, place_after, plain_text, whole_number
from shared.http.problems import NotFound
from shared.http.work import Now, Work
from shared.messaging.stalled import StalledEvents


class AuditEntryView(View):
    """One recorded change."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_roles: list[str]
    action: str
    subject: str
    before: Any
    after: Any
    previous_hash: str
    hash: str


class ParkedEventView(View):
    """An event that a reaction could not apply, and why."""

    reaction: str
    event_id: UUID
    type: str
    attempts: int
    reason: str | None
    stalled_at: datetime
    parked_at: datetime


class BacklogView(View):
    """What a service still has to do; ages in seconds."""

    unsent_events: int
    oldest_unsent_seconds: float
    waiting_events: int
    parked_events: int
    due_timers: int
    timer_lag_seconds: float


class ReplayView(View):
    """An event that is, or was, tried again."""

    reaction: str
    event_id: UUID


def oversight_router() -> APIRouter:
    """The audit log and the parked events of one service."""
    router = APIRouter(prefix="/operator", tags=["oversight"], route_class=StrictRoute)

    @router.get("/audit-log")
    async def audit_log(
        caller: Auditor,
        work: Work,
        subject: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 20,
        after: After = None,
    ) -> Page[AuditEntryView]:
        """The changes that operators made, newest first."""
        (before,) = place_after(after, whole_number(below=2**63)) or [None]
        entries = await work.audit_log.entries(subject=subject, before_position=before, limit=limit + 1)
        return Page(
            items=[AuditEntryView.model_validate(entry) for entry in entries[:limit]],
            next=following(entries, limit, place=lambda entry: entry.position),
        )

    @router.get("/backlog")
    async def show_backlog(caller: Overseer, work: Work, now: Now) -> BacklogView:
        """What this service still has to do: a service that keeps up shows small numbers."""
        return BacklogView.model_validate(await backlog(work.connection, at=now))

    @router.get("/parked-events")
    async def parked_events(
        caller: Overseer, work: Work, limit: Limit = 20, after: After = None
    ) -> Page[ParkedEventView]:
        """The events that wait for an operator's decision, by reaction."""
        reaction, event_id = place_after(after, plain_text, UUID) or (None, None)
        parked = await StalledEvents(work.connection).parked(
            after_reaction=reaction, after_event_id=event_id, limit=limit + 1
        )
        items = [ParkedEventView.model_validate(each) for each in parked]
        return page_of(items, limit, place=lambda each: (each.reaction, each.event_id))

    @router.post("/parked-events/{reaction}/{event_id}/replay")
    async def replay(reaction: str, event_id: UUID, caller: Editor, work: Work, now: Now) -> ReplayView:
        """Have a parked event tried again; asking twice changes nothing more."""
        await _replay(work, reaction, event_id, caller, at=now)
        return ReplayView(reaction=reaction, event_id=event_id)

    return router


async def _replay(
    work: UnitOfWork, reaction: str, event_id: UUID, caller: Principal, *, at: datetime
) -> None:
    stalled = StalledEvents(work.connection)
    if await stalled.replay(reaction, event_id):
        await work.audit_log.record(
            "event.replay",
            f"event/{reaction}/{event_id}",
            by=caller,
            at=at,
        )
    elif not await stalled.is_known(reaction, event_id):
        raise NotFound()
