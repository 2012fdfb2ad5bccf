"""Everything that is announced becomes facts."""

from collections.abc import Sequence

from services.analytics.facts.buffer import FactBuffer
from services.analytics.facts.domain import facts_of
from shared.database import UnitOfWork
from shared.events import EVENT_TYPES, Event
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("analytics")


async def forget_nothing(_: UnitOfWork) -> None:
    """Facts carry their event's id: those that are recorded again replace themselves."""


@reactions.on_batch(*EVENT_TYPES.values(), forget=forget_nothing, linger_seconds=0.5)
async def record_facts(work: UnitOfWork, received: Sequence[Received[Event]]) -> None:
    """Record what every service announces, for the numbers."""
    await FactBuffer(work.connection).add(
        fact
        for each in received
        for fact in facts_of(each.id, each.event, occurred_at=each.occurred_at, received_at=each.at)
    )
