"""``python -m deploy.replay``: have events take effect that did not, or once more what they all led to.

- ``parked``: list the events that reactions gave up on; ``parked --again`` has all of them tried again.
- ``events SERVICE --since INSTANT``: announce a service's events again, for one whose database was set back (K3). Whoever
  knows an event already does nothing.
- ``projection REACTION``: forget what a reaction made of events, and make it again from their owners.

Events go in time (`shared/pruning.py`): what would need those that are gone is refused, before anything is changed.

It needs the owners' rights, as migrating does; a shop may run meanwhile.
"""

import argparse
import asyncio
import sys
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.layout import SERVICES
from deploy.owners import owner_engine
from deploy.reactions import all_reactions
from shared.database import begin, reading
from shared.ids import instant_of
from shared.messaging.inbox import TooOld
from shared.messaging.stalled import StalledEvents
from shared.pruning import OUTBOX

BATCH = 2_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COUNT = text(
    "SELECT count(*) FROM outbox WHERE created_at >= :since"
    " AND (CAST(:types AS text[]) IS NULL OR type = ANY(:types)) AND sent_at IS NOT NULL"
)
_ANNOUNCE_AGAIN = text(
    "WITH chosen AS (SELECT id FROM outbox WHERE id > :after AND created_at >= :since"
    "  AND (CAST(:types AS text[]) IS NULL OR type = ANY(:types)) AND sent_at IS NOT NULL ORDER BY id LIMIT :batch),"
    " again AS (UPDATE outbox o SET sent_at = NULL, claimed_until = NULL, attempts = 0 FROM chosen c WHERE o.id = c.id)"
    " SELECT count(*), max(id) FROM chosen"
)
_FORGET_CLAIMS = text("DELETE FROM inbox WHERE reaction = :reaction")
_FORGET_MARK = text("DELETE FROM pruned WHERE what = :reaction")
_GONE_BELOW = text(f"SELECT below FROM pruned WHERE what = '{OUTBOX}'")


class NothingToReplay(Exception):
    """There is no such reaction, or it keeps no projection; or events that it needs are gone."""


async def announce_again(
    engine: AsyncEngine, *, since: datetime, types: Collection[str] | None = None, label: str = "events"
) -> int:
    """Let the relay send what was sent since an instant once more; returns how many events, and shows progress.

    Raises NothingToReplay when events of that time are gone.
    """
    await _require_events(engine, since=since)
    wanted = {"since": since, "types": None if types is None else sorted(types)}
    async with engine.begin() as connection:
        whole = int((await connection.execute(_COUNT, wanted)).scalar_one())
    done, after = 0, 0
    while True:
        async with engine.begin() as connection:
            found = await connection.execute(_ANNOUNCE_AGAIN, wanted | {"after": after, "batch": BATCH})
            count, last = found.one()
        if not count:
            return done
        done, after = done + count, last
        print(f"{label}: {done} of {max(done, whole)} announced again", flush=True)


async def rebuild(name: str) -> int:
    """Forget what a reaction made of events, and have their owners announce them again; returns how many events.

    Raises NothingToReplay. Forgetting and giving up the claims is one transaction, so whatever arrives meanwhile counts
    once. The reaction goes through the events at its own pace afterwards.
    """
    reaction = next((each for each in all_reactions() if each.name == name), None)
    if reaction is None or reaction.forget is None:
        known = ", ".join(sorted(each.name for each in all_reactions() if each.forget is not None))
        raise NothingToReplay(f"{name} keeps no projection. These do: {known}.")
    service = name.split(".")[0]
    owners = sorted({type_.announced_by for type_ in reaction.types})
    for owner in owners:
        async with owner_engine(owner) as engine:
            await _require_events(engine, since=EPOCH)
    async with owner_engine(service) as engine, begin(engine) as work:
        await reaction.forget(work)
        await work.connection.execute(_FORGET_CLAIMS, {"reaction": name})
        await work.connection.execute(_FORGET_MARK, {"reaction": name})
    announced = 0
    for owner in owners:
        types = [type_.type for type_ in reaction.types if type_.announced_by == owner]
        async with owner_engine(owner) as engine:
            announced += await announce_again(engine, since=EPOCH, types=types, label=owner)
    return announced


async def _require_events(engine: AsyncEngine, *, since: datetime) -> None:
    """Raise NothingToReplay when events since an instant are no longer kept."""
    async with reading(engine) as connection:
        below = (await connection.execute(_GONE_BELOW)).scalar_one_or_none()
    if below is not None and since < instant_of(below):
        raise NothingToReplay(
            f"{engine.url.database} keeps its events since {instant_of(below):%Y-%m-%dT%H:%M:%S%z}; what is older is gone."
        )


async def parked(*, again: bool, services: Iterable[str] = SERVICES) -> int:
    """Tell the parked events of services, and have them tried again if so wished; returns how many there are.

    Those that may have been applied before are left to an operator, one by one.
    """
    count = 0
    for service in services:
        async with owner_engine(service) as engine, begin(engine) as work:
            stalled = StalledEvents(work.connection)
            events = await stalled.parked(after_reaction=None, after_event_id=None, limit=1_000_000)
            for event in events:
                print(
                    f"{event.parked_at:%Y-%m-%d %H:%M:%S}  {event.reaction}  {event.type}  {event.event_id}"
                )
                print(f"  {(event.reason or '')[:300]}")
                if again and event.reason != str(TooOld()):
                    await stalled.replay(event.reaction, event.event_id)
            count += len(events)
    print(f"{count} parked{', all that can be are tried again' if again and count else ''}.")
    return count


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m deploy.replay", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    of_parked = commands.add_parser("parked", help="list the events that were given up on")
    of_parked.add_argument("--again", action="store_true", help="and have them tried again")
    of_events = commands.add_parser("events", help="announce a service's events again")
    of_events.add_argument("service", choices=SERVICES)
    of_events.add_argument(
        "--since", required=True, type=datetime.fromisoformat, help="2026-11-22T08:00+08:00"
    )
    of_events.add_argument("--type", action="append", help="only of this type; may be repeated")
    commands.add_parser("projection", help="make a projection again").add_argument("reaction")
    wish = parser.parse_args()
    if wish.command == "parked":
        asyncio.run(parked(again=wish.again))
        return
    try:
        if wish.command == "projection":
            print(f"{asyncio.run(rebuild(wish.reaction))} events on their way to {wish.reaction}.")
        elif wish.since.tzinfo is None:
            parser.error("--since needs a time zone, as in 2026-11-22T08:00+08:00")
        else:
            asyncio.run(_announce_again(wish.service, wish.since, wish.type))
    except NothingToReplay as error:
        sys.exit(str(error))


async def _announce_again(service: str, since: datetime, types: list[str] | None) -> None:
    async with owner_engine(service) as engine:
        await announce_again(engine, since=since, types=types, label=service)


if __name__ == "__main__":
    main()
