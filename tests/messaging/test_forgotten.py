"""What comes again after its claim was forgotten is never applied twice (P9)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.database import begin
from shared.ids import derived_id, first_id, new_id
from shared.messaging.stalled import StalledEvents
from tests.messaging.lines import Line, a_delivery, consumer, nothing


def long_ago() -> UUID:
    """The id of an event of last year."""
    return derived_id(first_id(datetime.now(UTC) - timedelta(days=365)), new_id().hex)


async def forget(line: Line) -> None:
    """Have the reaction forget what is older than half a year."""
    below = first_id(datetime.now(UTC) - timedelta(days=180))
    await line.execute(
        "INSERT INTO pruned (what, below) VALUES (:what, :below)", what=f"{line.service}.react", below=below
    )


async def test_an_event_from_before_the_claims_that_are_kept_is_parked_and_its_neighbours_pass(
    line: Line,
) -> None:
    await forget(line)
    old, young = long_ago(), [new_id() for _ in range(3)]
    await consumer(line, line.reaction(nothing)).handle([a_delivery(id_) for id_ in (old, *young)])
    await line.applied_once(young)
    assert await line.stalled() == [
        (
            old,
            "parked",
            1,
            "older than what this reaction remembers; replay it, alone, if it was never applied",
        )
    ]
    await line.hurry()
    assert await line.worker(line.transport(), line.reaction(nothing)).retry_due() == 0


async def test_what_is_still_claimed_is_known_and_not_parked(line: Line) -> None:
    old = long_ago()
    apply = consumer(line, line.reaction(nothing))
    await apply.handle([a_delivery(old)])
    await forget(line)
    await apply.handle([a_delivery(old), a_delivery(old, redelivered=True)])
    await line.applied_once([old])
    assert await line.stalled() == []


async def test_an_old_event_that_waited_since_or_was_replayed_takes_effect_once(line: Line) -> None:
    reaction, replayed = line.reaction(nothing), long_ago()
    apply, worker = consumer(line, reaction), line.worker(line.transport(), reaction)
    await forget(line)
    await apply.handle([a_delivery(replayed)])
    async with begin(line.engine) as work:
        assert await StalledEvents(work.connection).replay(f"{line.service}.react", replayed)
    assert await worker.retry_due() == 1
    await line.applied_once([replayed])
    assert await line.stalled() == []
    await apply.handle([a_delivery(replayed)])
    await line.applied_once([replayed])
