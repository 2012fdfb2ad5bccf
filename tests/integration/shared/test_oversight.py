"""Operators see who changed what, and decide about the events that were given up on (SEC14, E3, V5)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.audit_log import AuditLog
from shared.clock import SystemClock
from shared.database import begin, reading
from shared.events import MemberRegistered
from shared.http.identity import Kind, Principal
from shared.http.paging import cursor
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.reactions import Reactions
from shared.messaging.stalled import StalledEvents
from tests.integration.shared.conftest import Serve, Service, a_member, an_operator
from tests.messaging.lines import a_delivery
from tests.support.kernel import execute, kernel_database, kernel_engine, scalar

AT = datetime(2026, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def own_engine() -> AsyncIterator[AsyncEngine]:
    """A database of the test's own, as the owner: a chain is of a whole log, and tampering needs rights."""
    urls = await kernel_database()
    async with kernel_engine(urls) as engine:
        yield engine


@pytest.fixture
def service(serve: Serve) -> Service:
    return serve()


async def record(
    engine: AsyncEngine, subject: str, *, action: str = "price.change", at: datetime = AT, **more: Any
) -> None:
    async with begin(engine) as work:
        await work.audit_log.record(action, subject, by=an_operator("owner", "finance"), at=at, **more)


async def first_broken(engine: AsyncEngine) -> int | None:
    async with reading(engine) as connection:
        return await AuditLog(connection).first_broken()


async def test_the_log_of_all_kinds_of_changes_proves_itself(own_engine: AsyncEngine) -> None:
    assert await first_broken(own_engine) is None
    await record(own_engine, "a", before=None, after={"price_fen": 1, "b": [1.5, None, True], "a": "集市 😀"})
    await record(own_engine, "b", before={"at": AT, "id": new_id()}, after=7)
    await record(own_engine, "c", at=datetime(2026, 5, 1, 16, tzinfo=timezone(timedelta(hours=8))))
    async with begin(own_engine) as work:
        await work.audit_log.record("key.rotate", "d", by=Principal(Kind.SERVICE), at=AT)
    assert await first_broken(own_engine) is None


async def test_changes_at_once_form_one_chain(own_engine: AsyncEngine) -> None:
    await asyncio.gather(*(record(own_engine, str(number)) for number in range(30)))
    assert await scalar(own_engine, "SELECT count(DISTINCT previous_hash) FROM audit_log") == 30
    assert await first_broken(own_engine) is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit_log SET after = '{\"price_fen\": 2}' WHERE subject = '3'", 3),
        ("UPDATE audit_log SET actor_roles = '{owner}' WHERE subject = '2'", 2),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE subject = '5'", 5),
        ("DELETE FROM audit_log WHERE subject = '3'", 4),
        ("DELETE FROM audit_log WHERE subject = '1'", 2),
        ("UPDATE audit_log SET hash = 'x' WHERE subject = '4'", 4),
    ],
)
async def test_tampering_is_found_where_it_was_done(tampering: str, broken: int) -> None:
    urls = await kernel_database()
    async with kernel_engine(urls) as engine:
        for number in range(1, 6):
            await record(engine, str(number), after={"price_fen": number})
        assert await first_broken(engine) is None
    owner = type(urls)(runtime=urls.owner, owner=urls.owner)
    async with kernel_engine(owner) as engine:
        await execute(engine, tampering)
        assert await first_broken(engine) == broken


async def test_the_audit_log_is_read_newest_first_page_by_page(service: Service, engine: AsyncEngine) -> None:
    subject = f"sku/{new_id()}"
    for number in range(5):
        await record(
            engine, subject, action=f"change.{number}", before={"n": number}, after={"n": number + 1}
        )
    auditor = an_operator("auditor")
    actions: list[str] = []
    after = None
    for _ in range(3):
        query = f"/operator/audit-log?limit=2&subject={subject}" + (f"&after={after}" if after else "")
        page = (await service.call("GET", query, who=auditor)).json()
        actions += [entry["action"] for entry in page["items"]]
        after = page["next"]
    assert actions == [f"change.{number}" for number in (4, 3, 2, 1, 0)]
    assert after is None
    newest = (await service.call("GET", "/operator/audit-log?limit=1", who=an_operator("owner"))).json()[
        "items"
    ][0]
    assert set(newest) == {
        "id", "at", "actor_id", "actor_roles", "action", "subject", "before", "after", "previous_hash", "hash"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "roles", "status"),
    [
        ("/operator/audit-log", ["auditor"], 200),
        ("/operator/audit-log", ["owner"], 200),
        ("/operator/audit-log", ["operations", "finance", "service_desk"], 403),
        ("/operator/parked-events", ["operations"], 200),
        ("/operator/parked-events", ["owner"], 200),
        ("/operator/parked-events", ["auditor"], 200),
        ("/operator/parked-events", ["finance", "service_desk"], 403),
    ],
)
async def test_who_may_look(service: Service, path: str, roles: list[str], status: int) -> None:
    assert (await service.call("GET", path, who=an_operator(*roles))).status_code == status
    for other in (a_member(), Principal(a_member().kind)):
        assert (await service.call("GET", path, who=other)).status_code == 401


FORGED = [
    "x",
    "%00",
    cursor("a"),
    cursor(1.5),
    cursor(True),
    cursor(-1),
    cursor(2**63),
    cursor(1, 2, 3),
    cursor(None),
    "=" * 400,
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("path", ["/operator/audit-log", "/operator/parked-events"])
async def test_a_forged_cursor_is_a_422(service: Service, path: str, forged: str) -> None:
    answer = await service.call("GET", f"{path}?after={forged}", who=an_operator("owner"))
    assert answer.status_code == 422


async def park(engine: AsyncEngine, reaction: str, *, count: int = 1) -> list[UUID]:
    """Have a reaction give up on some events."""
    reactions = Reactions(reaction.split(".")[0])

    async def listen(_: object, __: object) -> None:
        """Understands nothing that it is given."""

    listen.__name__ = reaction.split(".")[1]
    reactions.on(MemberRegistered)(listen)
    ids = [new_id() for _ in range(count)]
    delivery = a_delivery(*ids)
    unknown = type(delivery)(delivery.type, delivery.body.replace(b"registered.v1", b"vanished.v1"), False)
    await Consumer(reactions.all[0], engine, SystemClock()).handle([unknown])
    return ids


async def test_parked_events_are_listed_with_their_reasons(service: Service, engine: AsyncEngine) -> None:
    service_name = f"aaa{new_id().hex}"  # first by name
    ids = await park(engine, f"{service_name}.listen", count=3)
    operator = an_operator("operations")
    first = (await service.call("GET", "/operator/parked-events?limit=2", who=operator)).json()
    second = (
        await service.call("GET", f"/operator/parked-events?limit=2&after={first['next']}", who=operator)
    ).json()
    listed = [
        each for each in first["items"] + second["items"] if each["reaction"] == f"{service_name}.listen"
    ]
    assert [UUID(each["event_id"]) for each in listed] == sorted(ids)
    assert {each["reason"] for each in listed} == {"unknown event type member.vanished.v1"}
    assert {each["attempts"] for each in listed} == {1}


async def test_a_replay_is_recorded_once_and_may_be_asked_for_again(
    service: Service, engine: AsyncEngine
) -> None:
    reaction = f"t{new_id().hex}.listen"
    [id_] = await park(engine, reaction)
    operator = an_operator("operations")
    path = f"/operator/parked-events/{reaction}/{id_}/replay"
    for _ in range(3):
        answer = await service.call("POST", path, who=operator)
        assert (answer.status_code, answer.json()) == (200, {"reaction": reaction, "event_id": str(id_)})
    state = await scalar(engine, "SELECT state FROM stalled_events WHERE event_id = :id", id=id_)
    assert state == "waiting"
    async with begin(engine) as work:
        [entry] = await work.audit_log.entries(subject=f"event/{reaction}/{id_}", limit=10)
    assert (entry.action, entry.actor_id, entry.actor_roles) == (
        "event.replay",
        operator.subject,
        ["operations"],
    )


async def test_an_event_that_was_applied_may_be_asked_for_again(
    service: Service, engine: AsyncEngine
) -> None:
    reaction, id_ = f"t{new_id().hex}.listen", new_id()
    await execute(engine, "INSERT INTO inbox (reaction, event_id) VALUES (:r, :id)", r=reaction, id=id_)
    path = f"/operator/parked-events/{reaction}/{id_}/replay"
    assert (await service.call("POST", path, who=an_operator("owner"))).status_code == 200


async def test_only_events_that_are_there_are_replayed_and_only_by_whom_it_concerns(
    service: Service, engine: AsyncEngine
) -> None:
    reaction = f"t{new_id().hex}.listen"
    [id_] = await park(engine, reaction)
    path = f"/operator/parked-events/{reaction}/{id_}/replay"
    assert (await service.call("POST", path, who=an_operator("auditor", "finance"))).status_code == 403
    assert (await service.call("POST", path, who=a_member())).status_code == 401
    for other in (f"{reaction}/{new_id()}", f"other.listen/{id_}"):
        answer = await service.call(
            "POST", f"/operator/parked-events/{other}/replay", who=an_operator("owner")
        )
        assert answer.status_code == 404
    assert (
        await service.call("POST", f"/operator/parked-events/{reaction}/x/replay", who=an_operator("owner"))
    ).status_code == 422
    async with begin(engine) as work:
        parked = await StalledEvents(work.connection).parked(
            after_reaction=reaction, after_event_id=UUID(int=0), limit=1
        )
    assert [each.event_id for each in parked] == [id_]
