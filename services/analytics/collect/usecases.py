"""Taking a batch of behaviour events in: each by itself, the bad ones aside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.analytics.collect.domain import Accepted, Reason, Refused, accept
from services.analytics.collect.personal import holds_personal_data
from services.analytics.collect.storage import Intake
from shared.database import UnitOfWork

KEPT_CHARACTERS = 8_192


class Outcome(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one event of a batch, in the batch's order."""

    event_id: UUID | None
    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None


async def collect(
    work: UnitOfWork, events: Sequence[Any], *, member_id: UUID | None, received_at: datetime
) -> list[Result]:
    """Take the good events in once each, and put the others into quarantine.

    The first copy of an id counts. A later one with other content is a conflict: answered as a duplicate, and quarantined.
    """
    judged = [_judge(raw, member_id=member_id, received_at=received_at) for raw in events]
    first: dict[UUID, Accepted] = {}
    for each in judged:
        if isinstance(each, Accepted):
            first.setdefault(each.fact.event_id, each)
    intake = Intake(work.connection)
    fresh = await intake.take(list(first.values()), received_at=received_at)
    digests = {event_id: event.digest for event_id, event in first.items()}
    digests |= await intake.digests([event_id for event_id in first if event_id not in fresh])
    results: list[Result] = []
    refused: list[tuple[Refused, str | None]] = []
    for raw, each in zip(events, judged, strict=True):
        if isinstance(each, Refused):
            refused.append((each, _kept(raw)))
            results.append(Result(_id_of(raw), Outcome.REJECTED, each.reason, each.detail))
        elif first[each.fact.event_id] is each and each.fact.event_id in fresh:
            results.append(Result(each.fact.event_id, Outcome.ACCEPTED))
        elif each.digest == digests[each.fact.event_id]:
            results.append(Result(each.fact.event_id, Outcome.DUPLICATE))
        else:
            conflict = Refused(Reason.CONFLICT, "the id was used for another event")
            refused.append((conflict, _kept(raw)))
            results.append(Result(each.fact.event_id, Outcome.DUPLICATE, conflict.reason, conflict.detail))
    await intake.quarantine(refused, received_at=received_at)
    return results


def _judge(raw: Any, *, member_id: UUID | None, received_at: datetime) -> Accepted | Refused:
    try:
        return accept(raw, member_id=member_id, received_at=received_at)
    except Refused as refused:
        return refused


def _kept(raw: Any) -> str | None:
    """A refused event as the quarantine may keep it: not at all when it holds personal data."""
    if holds_personal_data(raw):
        return None
    return json.dumps(raw)[:KEPT_CHARACTERS]


def _id_of(raw: Any) -> UUID | None:
    try:
        return UUID(raw["event_id"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
