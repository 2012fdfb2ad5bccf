"""What is announced reaches every reaction, and takes effect once (P1, P9, K2–K5; reliability.md 4.C)."""

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from shared.database import UnitOfWork, begin
from shared.events import MemberRegistered
from shared.ids import derived_id, new_id
from shared.messaging import relay as relay_module
from shared.messaging.outbox import encode
from shared.messaging.reactions import Reactions, Received
from shared.messaging.relay import Relay
from shared.messaging.transport import Delivery, Handler, Pack, Transport
from shared.messaging.transports import rabbitmq
from shared.telemetry import current_trace_id, door_span
from tests.messaging.lines import (
    AT,
    Line,
    a_delivery,
    a_pack,
    consumer,
    name_of,
    nothing,
    registered,
    until,
)


class Recorded:
    """A transport that notes what passes through it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.exclusive = transport.exclusive
        self.published: list[Pack] = []
        self.delivered: list[Delivery] = []

    async def bind(self, queue: str, types: Collection[str]) -> None:
        await self._transport.bind(queue, types)

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        self.published += packs
        return await self._transport.publish(packs)

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        async def noting(deliveries: Sequence[Delivery]) -> None:
            self.delivered += deliveries
            await handler(deliveries)

        await self._transport.consume(queue, noting)

    async def close(self) -> None:
        await self._transport.close()


async def test_every_reaction_gets_an_event_once(line: Line) -> None:
    first, second = line.reaction(nothing, name="first"), line.reaction(nothing, name="second")
    async with line.working(first, second):
        ids = await line.announce(3)
        await line.applied_once(ids, reaction="first")
        await line.applied_once(ids, reaction="second")
        await line.all_sent()


async def test_what_is_rolled_back_was_never_announced(line: Line) -> None:
    async with line.working(line.reaction(nothing)):
        with pytest.raises(LookupError):
            await announced_in_vain(line)
        ids = await line.announce(1)
        await line.applied_once(ids)
        await line.all_sent()
    assert len(await line.rows("SELECT id FROM outbox")) == 1


async def announced_in_vain(line: Line) -> None:
    async with begin(line.engine) as work:
        await work.outbox.add(registered(), at=AT)
        raise LookupError


async def test_events_travel_packed_by_fifty_and_by_64_kilobytes(line: Line) -> None:
    transport = Recorded(line.transport())
    ids = await line.announce(120)
    big = await line.announce(30, scene="集" * 2_000)  # 6,000 bytes each
    huge = await line.announce(1, scene="😀" * 20_000)  # alone larger than a message should be
    async with line.working(line.reaction(nothing), transport=transport):
        await line.applied_once([*ids, *big, *huge])
    sizes = [(len(pack.event_ids), len(pack.body)) for pack in transport.published]
    assert sum(events for events, _ in sizes) == 151
    assert max(events for events, _ in sizes) == 50
    assert [events for events, size in sizes if size > 64 * 1024] == [1]
    assert len(sizes) <= 3 + 4 + 1


async def test_a_duplicate_changes_nothing(line: Line) -> None:
    reaction = line.reaction(nothing)
    async with line.working(reaction) as worker:
        twice, other = new_id(), new_id()
        transport = worker._transport
        packs = [a_pack(twice), a_pack(twice, other), a_pack(twice, twice), a_pack(other, redelivered=True)]
        assert await transport.publish(packs) == [True] * 4
        await line.applied_once([twice, other])
        assert await transport.publish(packs) == [True] * 4
        await asyncio.sleep(0.2)
    assert await line.effects() == {twice: 1, other: 1}
    assert await line.stalled() == []


async def test_the_same_id_with_another_body_does_not_count(line: Line) -> None:
    scenes: list[str | None] = []

    async def note(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
        scenes.append(received.event.scene)

    reaction, id_ = line.reaction(note), new_id()
    await consumer(line, reaction).handle([a_delivery(id_, scene="first")])
    await consumer(line, reaction).handle([a_delivery(id_, scene="second")])
    assert scenes == ["first"]


@pytest.mark.usefixtures("sudden_death")
async def test_a_relay_killed_between_publishing_and_marking_sends_again_and_nothing_is_doubled(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "LEASE_SECONDS", 0.5)
    transport = Recorded(line.transport())
    published = asyncio.Event()

    class Forgetful(Recorded):
        async def publish(self, packs: Sequence[Pack]) -> list[bool]:
            assert await transport.publish(packs) == [True] * len(packs)
            published.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    reaction = line.reaction(nothing)
    worker = line.worker(transport, reaction)
    await worker.bind()
    consuming = asyncio.ensure_future(worker._consuming(worker.reactions[0])())
    ids = await line.announce(5)
    relaying = asyncio.create_task(Relay(line.engine, Forgetful(transport)).run())
    await asyncio.wait_for(published.wait(), 10)
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)
    assert await line.unsent() == 5

    relaying = asyncio.create_task(Relay(line.engine, transport).run())
    await line.all_sent()
    await until_delivered(transport, 2)
    relaying.cancel()
    consuming.cancel()
    await asyncio.gather(relaying, consuming, return_exceptions=True)
    await transport.close()
    assert await line.effects() == dict.fromkeys(ids, 1)


async def until_delivered(transport: Recorded, messages: int) -> None:
    async def are_delivered() -> bool:
        return len(transport.delivered) >= messages

    await until(are_delivered)


async def test_two_relays_beside_each_other_share_the_work(line: Line) -> None:
    transport = Recorded(line.transport())
    ids = await line.announce(2_000)
    async with line.working(line.reaction(nothing), transport=transport):
        beside = asyncio.create_task(Relay(line.engine, transport).run())
        await line.applied_once(ids, seconds=30)
        await line.all_sent()
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)


async def test_a_slow_commit_with_a_lower_number_is_not_skipped(line: Line) -> None:
    async with line.working(line.reaction(nothing)):
        async with begin(line.engine) as slow:
            [late] = await slow.outbox.add(registered(), at=AT)
            early = await line.announce(3)
            await line.applied_once(early)
            await line.all_sent()
        await line.applied_once([*early, late])
    ids = await line.rows("SELECT event_id FROM outbox ORDER BY id")
    assert ids[0][0] == late


async def test_an_event_nobody_listens_to_waits_for_its_first_listener(line: Line) -> None:
    transport = line.transport()
    relaying = asyncio.create_task(Relay(line.engine, transport).run())
    ids = await line.announce(3)

    async def was_tried_twice() -> bool:
        tries = await line.rows("SELECT min(attempts) FROM outbox")
        return bool(tries[0][0] >= 2)

    await until(was_tried_twice)
    assert await line.unsent() == 3
    async with line.working(line.reaction(nothing), transport=transport):
        await line.applied_once(ids)
        await line.all_sent()
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)


async def test_an_event_nobody_listens_to_holds_up_no_other(line: Line) -> None:
    other = encode(registered(), id=new_id(), at=AT).replace("member.registered.v1", "nobody.listens.v1")
    await line.execute(
        "INSERT INTO outbox (event_id, type, subject, envelope)"
        " SELECT gen_random_uuid(), 'nobody.listens.v1', 's', :other FROM generate_series(1, 1500)",
        other=other,
    )
    async with line.working(line.reaction(nothing)):
        ids = await line.announce(2)
        await line.applied_once(ids, seconds=5)
    assert await line.unsent() == 1_500


async def test_a_stop_in_good_order_finishes_what_is_in_hand(line: Line) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slowly(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        begun.set()
        await may_end.wait()

    transport = Recorded(line.transport())
    reaction = line.reaction(slowly)
    async with line.working(reaction, transport=transport):
        ids = await line.announce(2)
        await asyncio.wait_for(begun.wait(), 10)
        asyncio.get_running_loop().call_later(0.2, may_end.set)
    assert await line.effects() == dict.fromkeys(ids, 1)
    ids += await line.announce(1)
    async with line.working(reaction):
        await line.applied_once(ids)
    assert await line.stalled() == []


async def test_stopping_and_starting_at_any_moment_loses_nothing(line: Line) -> None:
    reaction = line.reaction(nothing)
    ids = []
    for _ in range(5):
        async with line.working(reaction):
            ids += await line.announce(40)
            await asyncio.sleep(0.03)
    async with line.working(reaction):
        await line.applied_once(ids)
        await line.all_sent()
    assert await line.stalled() == []


async def test_a_reaction_that_takes_longer_than_the_relays_lease_is_given_its_event_once(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "LEASE_SECONDS", 0.3)

    async def slowly(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        await asyncio.sleep(1.5)

    transport = Recorded(line.transport())
    async with line.working(line.reaction(slowly), transport=transport):
        ids = await line.announce(1)
        await line.applied_once(ids)
        await line.all_sent()
    assert len(transport.delivered) == 1


async def test_the_trace_of_the_announcing_work_goes_on_in_the_reaction(line: Line) -> None:
    traces: list[str | None] = []

    async def note(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        traces.append(current_trace_id())

    async with line.working(line.reaction(note)):
        with door_span("POST order", None):
            trace = current_trace_id()
            ids = await line.announce(1)
        await line.applied_once(ids)
    assert trace is not None
    assert traces == [trace]


async def test_a_reaction_on_batches_gets_many_events_in_one_transaction(line: Line) -> None:
    sizes: list[int] = []
    reactions = Reactions(line.service)

    @reactions.on_batch(MemberRegistered)
    async def count_together(work: UnitOfWork, received: Sequence[Received[MemberRegistered]]) -> None:
        sizes.append(len(received))

    ids = await line.announce(100)
    async with line.working(reactions):

        async def are_counted() -> bool:
            return sum(sizes) == 100

        await until(are_counted)
    assert max(sizes) >= 50
    claimed = await line.rows("SELECT event_id FROM inbox WHERE reaction = :name", name=name_of(reactions))
    assert {row[0] for row in claimed} == set(ids)


async def test_a_reaction_that_nobody_waits_for_lingers_for_more(line: Line) -> None:
    if not line.is_rabbitmq:
        pytest.skip("in one process a pack is confirmed once it is applied: nobody may linger with it")
    sizes: list[int] = []
    reactions = Reactions(line.service)

    @reactions.on_batch(MemberRegistered, linger_seconds=0.4)
    async def linger(work: UnitOfWork, received: Sequence[Received[MemberRegistered]]) -> None:
        sizes.append(len(received))

    async with line.working(reactions) as worker:
        transport = worker._transport
        for _ in range(3):
            assert await transport.publish([a_pack(new_id())]) == [True]

        async def are_taken() -> bool:
            return bool(sizes)

        await until(are_taken)
        assert sizes == [3]
        began = time.monotonic()
        assert all(await transport.publish([a_pack(new_id()) for _ in range(rabbitmq.BATCH)]))

        async def are_all_taken() -> bool:
            return len(sizes) > 1

        await until(are_all_taken)
        assert sizes == [3, rabbitmq.BATCH]
        assert time.monotonic() - began < 0.4


async def test_what_a_reaction_to_many_announces_follows_from_each_of_them(line: Line) -> None:
    reactions = Reactions(line.service)
    answers = {new_id(): registered() for _ in range(3)}

    @reactions.on_batch(MemberRegistered)
    async def answer(work: UnitOfWork, received: Sequence[Received[MemberRegistered]]) -> None:
        await work.outbox.add(
            *(answers[each.id] for each in received for _ in range(2)),
            at=AT,
            causes=[each.id for each in received for _ in range(2)],
        )

    await consumer(line, reactions).handle([a_delivery(*answers)])
    rows = await line.rows("SELECT event_id FROM outbox")
    name = name_of(reactions)
    assert {row[0] for row in rows} == {
        derived_id(cause, f"{name} member.registered.v1 {event.member_id} {number}")
        for cause, event in answers.items()
        for number in (1, 2)
    }


async def test_a_reaction_to_many_that_names_no_cause_announces_nothing(line: Line) -> None:
    reactions = Reactions(line.service)

    @reactions.on_batch(MemberRegistered)
    async def answer(work: UnitOfWork, received: Sequence[Received[MemberRegistered]]) -> None:
        await work.outbox.add(registered(), at=AT)

    await consumer(line, reactions).handle([a_delivery(new_id())])
    assert await line.rows("SELECT event_id FROM outbox") == []
    [(_, state, _, reason)] = await line.stalled()
    assert state == "waiting"
    assert reason is not None
    assert "has to say what each event follows from" in reason


async def test_an_event_knows_when_it_happened_and_when_it_is_handled(line: Line) -> None:
    seen: list[Received[MemberRegistered]] = []

    async def note(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
        seen.append(received)

    async with line.working(line.reaction(note)):
        [id_] = await line.announce(1)
        await line.applied_once([id_])
    assert seen[0].id == id_
    assert seen[0].occurred_at == AT
    assert seen[0].at - AT > timedelta(days=1)


def test_the_envelope_speaks_the_words_of_cloudevents() -> None:
    id_, event = new_id(), registered("集市")
    assert orjson.loads(encode(event, id=id_, at=AT, trace="00-1-2-01")) == {
        "specversion": "1.0",
        "id": str(id_),
        "source": "jishi/member",
        "type": "member.registered.v1",
        "time": "2026-05-01T08:00:00+00:00",
        "subject": str(event.member_id),
        "data": {
            "member_id": str(event.member_id),
            "scene": "集市",
            "registered_at": "2026-05-01T08:00:00Z",
        },
        "traceparent": "00-1-2-01",
    }


async def test_what_a_reaction_announces_follows_from_its_cause(line: Line) -> None:
    """A service that was set back and reacts once more says nothing that others have not heard."""
    member_id, cause, other = new_id(), new_id(), new_id()
    tries: dict[UUID, list[list[UUID]]] = {cause: [], other: []}

    async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        follows = MemberRegistered(member_id=member_id, scene="follows", registered_at=AT)
        ids = await work.outbox.add(follows, follows, at=received.at)
        ids += await work.outbox.add(follows, at=received.at)
        tries[received.id].append(ids)
        if len(tries[received.id]) == 1:
            raise LookupError("as if it had never been")

    apply = consumer(line, line.reaction(react))
    for id_ in (cause, cause, other, other):
        await apply.handle([a_delivery(id_)])
    assert tries[cause][0] == tries[cause][1]
    assert tries[other][0] == tries[other][1]
    told = [row[0] for row in await line.rows("SELECT event_id FROM outbox")]
    assert set(told) == set(tries[cause][1] + tries[other][1])
    assert len(told) == 6
