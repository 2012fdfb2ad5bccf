"""A bad event stops nothing and takes no neighbour with it (P11, K5–K7; reliability.md 4.C)."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import aio_pika
import orjson
import pytest
from sqlalchemy import text

from shared.database import UnitOfWork, begin
from shared.events import MemberRegistered
from shared.ids import new_id
from shared.messaging import consumer as consumer_module, relay, stalled
from shared.messaging.reactions import Reactions, Received, TooEarly
from shared.messaging.stalled import StalledEvents
from shared.messaging.transport import Delivery, Pack
from shared.messaging.transports.rabbitmq import DEAD_LETTERS
from tests.messaging.lines import TYPE, Line, a_delivery, a_pack, consumer, name_of, nothing, until

POISON = "poison"


async def refuse_poison(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
    if received.event.scene == POISON:
        raise ArithmeticError("this event cannot be applied")


async def test_a_poison_event_is_parked_after_eight_tries_and_its_neighbours_pass(line: Line) -> None:
    async with line.working(line.reaction(refuse_poison)):
        before = await line.announce(20)
        [poison] = await line.announce(1, scene=POISON)
        after = await line.announce(20)
        await line.applied_once([*before, *after])
        await line.all_sent()

        async def is_parked() -> bool:
            await line.hurry()
            return [state for _, state, _, _ in await line.stalled()] == ["parked"]

        await until(is_parked, seconds=30)
    [(id_, _, attempts, reason)] = await line.stalled()
    assert (id_, attempts) == (poison, 8)
    assert reason == "ArithmeticError('this event cannot be applied')"


async def test_pauses_between_tries_grow(line: Line) -> None:
    reaction = line.reaction(refuse_poison)
    apply = consumer(line, reaction)
    await apply.handle([a_delivery(new_id(), scene=POISON)])
    pauses = []
    for _ in range(7):
        [(pause,)] = await line.rows(
            "SELECT extract(epoch FROM next_attempt_at - updated_at) FROM stalled_events"
        )
        pauses.append(float(pause))
        await line.hurry()
        assert await line.worker(line.transport(), reaction).retry_due() == 1
    for tries, pause in enumerate(pauses[1:], start=2):
        assert 0.5 * 2**tries <= pause <= 1.5 * 2**tries
    assert [state for _, state, _, _ in await line.stalled()] == ["parked"]


async def test_a_parked_event_can_be_replayed_and_takes_effect_once(line: Line) -> None:
    is_mended = False

    async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        if not is_mended:
            await refuse_poison(work, received)

    reaction, poison = line.reaction(react), new_id()
    worker = line.worker(line.transport(), reaction)
    apply = consumer(line, reaction)
    await apply.handle([a_delivery(poison, scene=POISON)])
    for _ in range(7):
        await line.hurry()
        await worker.retry_due()
    assert [state for _, state, _, _ in await line.stalled()] == ["parked"]

    is_mended = True
    assert await replayed(line, reaction, poison)
    assert not await replayed(line, reaction, poison)
    assert await worker.retry_due() == 1
    assert await worker.retry_due() == 0
    assert not await replayed(line, reaction, poison)
    assert await line.effects() == {poison: 1}
    assert await line.stalled() == []


async def replayed(line: Line, reaction: Reactions, event_id: UUID) -> bool:
    async with begin(line.engine) as work:
        return await StalledEvents(work.connection).replay(name_of(reaction), event_id)


PLANS = {
    "as PostgreSQL likes": "",
    "nested loops": "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_hashagg = off; SET LOCAL enable_sort = off; SET LOCAL enable_material = off",
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_stalled_events_are_taken_one_at_a_time_however_the_database_plans_it(
    line: Line, plan: str
) -> None:
    reaction = line.reaction(refuse_poison)
    for _ in range(3):
        await consumer(line, reaction).handle([a_delivery(new_id(), scene=POISON)])
    await line.hurry()
    taken = set()
    async with begin(line.engine) as work:
        for setting in filter(None, plan.split(";")):
            await work.connection.execute(text(setting))
        while (due := await StalledEvents(work.connection).due([name_of(reaction)])) is not None:
            taken.add(due[1].id)
    assert len(taken) == 3


async def test_an_event_that_is_too_early_waits_uncounted_and_is_applied_later(line: Line) -> None:
    is_there = False

    async def react(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        if not is_there:
            raise TooEarly("the order is not here yet")

    async with line.working(line.reaction(react)) as worker:
        ids = await line.announce(2)
        await line.all_sent()
        for _ in range(10):
            await line.hurry()
            await worker.retry_due()
        assert [(state, attempts) for _, state, attempts, _ in await line.stalled()] == [("waiting", 0)] * 2
        is_there = True
        await line.hurry()
        await line.applied_once(ids)
    assert await line.stalled() == []


async def test_an_event_that_is_too_early_for_a_day_is_parked(line: Line) -> None:
    async def react(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        raise TooEarly("the order is not here yet")

    reaction = line.reaction(react)
    await consumer(line, reaction).handle([a_delivery(new_id())])
    await line.execute(
        "UPDATE stalled_events SET stalled_at = now() - CAST(:patience AS interval)",
        patience=stalled.PARK_EARLY_AFTER,
    )
    await line.hurry()
    await line.worker(line.transport(), reaction).retry_due()
    assert [state for _, state, _, _ in await line.stalled()] == ["parked"]
    assert timedelta(hours=1) < stalled.PARK_EARLY_AFTER


async def test_an_unknown_type_is_parked_with_its_reason(line: Line) -> None:
    unknown, known = new_id(), new_id()
    body = a_pack(unknown, known).body.replace(TYPE.encode(), b"member.vanished.v9", 1)
    async with line.working(line.reaction(nothing)) as worker:
        assert await worker._transport.publish([Pack(TYPE, body, (unknown, known))]) == [True]
        await line.applied_once([known])
    assert await line.stalled() == [(unknown, "parked", 1, "unknown event type member.vanished.v9")]


async def test_an_event_without_a_field_it_needs_is_parked_with_its_reason(line: Line) -> None:
    bad, good = new_id(), new_id()
    body = a_pack(bad, good).body.replace(b'"scene"', b'"scenery"', 1)
    await consumer(line, line.reaction(nothing)).handle([Delivery(TYPE, body, False)])
    [(id_, state, _, reason)] = await line.stalled()
    assert (id_, state) == (bad, "parked")
    assert reason is not None
    assert "scene" in reason
    assert await line.effects() == {good: 1}


async def test_fields_of_a_newer_schema_are_ignored(line: Line) -> None:
    id_ = new_id()
    body = a_pack(id_).body.replace(b'"data":{', b'"schemaurl":"x","data":{"mood":"happy",', 1)
    await consumer(line, line.reaction(nothing)).handle([Delivery(TYPE, body, False)])
    assert await line.effects() == {id_: 1}


MALFORMED = {
    "no JSON": b"\xff\xfe",
    "half a JSON": b'[{"id":',
    "no array": b'{"id": 1}',
    "no object": b"[1]",
    "no id": b'[{"source": "x", "type": "y", "time": "2026-05-01T00:00:00Z", "subject": "s", "data": {}}]',
    "too deep": b"[" * 100_000,
    "a number too long": b"[" + b"9" * 100_000 + b"]",
    "a lone surrogate": b'["\\ud800"]',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_message_is_parked_whole_and_its_neighbours_are_applied(
    line: Line, body: bytes
) -> None:
    before, after = new_id(), new_id()
    bad = Delivery(TYPE, body, False)
    for _ in range(2):
        await consumer(line, line.reaction(nothing)).handle([a_delivery(before), bad, a_delivery(after)])
    assert await line.effects() == {before: 1, after: 1}
    [(_, state, _, reason)] = await line.stalled()
    assert state == "parked"
    assert reason is not None
    assert reason.startswith("malformed: ")


async def test_a_malformed_event_takes_no_other_of_its_message_with_it(line: Line) -> None:
    first, second = new_id(), new_id()
    body = a_pack(first).body[:-1] + b',{"no": "event"},' + a_pack(second).body[1:]
    await consumer(line, line.reaction(nothing)).handle([Delivery(TYPE, body, False)])
    assert await line.effects() == {first: 1, second: 1}
    [[kept]] = await line.rows("SELECT CAST(envelope AS jsonb) #>> '{data,malformed}' FROM stalled_events")
    assert orjson.loads(kept) == {"no": "event"}


async def test_a_malformed_message_is_parked_and_the_rest_goes_on(line: Line) -> None:
    async with line.working(line.reaction(nothing)) as worker:
        assert await worker._transport.publish([Pack(TYPE, b"nonsense", ())]) == [True]
        [good] = await line.announce(1)
        await line.applied_once([good])

        async def is_parked() -> bool:
            return [state for _, state, _, _ in await line.stalled()] == ["parked"]

        await until(is_parked)


@pytest.mark.parametrize("transport_kind", ["rabbitmq"])
async def test_what_the_broker_gave_up_on_is_parked_and_can_be_replayed(line: Line) -> None:
    assert line.amqp_url is not None
    reaction, id_ = line.reaction(nothing), new_id()
    async with line.working(reaction) as worker:
        async with await aio_pika.connect(line.amqp_url) as connection:
            channel = await connection.channel()
            dead_letters = await channel.get_exchange(DEAD_LETTERS)
            message = aio_pika.Message(a_pack(id_).body, type=TYPE)
            await dead_letters.publish(message, name_of(reaction))

        async def is_parked() -> bool:
            return [(stalled, state) for stalled, state, _, _ in await line.stalled()] == [(id_, "parked")]

        await until(is_parked)
        assert await line.effects() == {}
        for expected in (True, False):
            async with begin(line.engine) as work:
                assert await StalledEvents(work.connection).replay(name_of(reaction), id_) is expected
            await worker.retry_due()
            await line.applied_once([id_])
        assert await line.stalled() == []


async def test_a_reaction_that_hangs_is_cut_short_and_its_neighbours_pass(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "HANDLER_SECONDS", 0.3)

    async def react(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
        if received.event.scene == POISON:
            await asyncio.Event().wait()

    async with line.working(line.reaction(react)):
        good = await line.announce(3)
        [hanging] = await line.announce(1, scene=POISON)
        good += await line.announce(3)
        await line.applied_once(good)

        async def is_waiting() -> bool:
            return [(id_, reason) for id_, _, _, reason in await line.stalled()] == [
                (hanging, "TooSlow('not done within 0.3 s')")
            ]

        await until(is_waiting)


async def test_text_that_postgresql_cannot_keep_parks_only_its_own_event(line: Line) -> None:
    async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        await work.connection.execute(text("SELECT CAST(:scene AS text)"), {"scene": received.event.scene})

    good, bad = new_id(), new_id()
    apply = consumer(line, line.reaction(react))
    await apply.handle([a_delivery(bad, scene="\x00"), a_delivery(good, scene="fine")])
    assert await line.effects() == {good: 1}
    assert [(id_, state) for id_, state, _, _ in await line.stalled()] == [(bad, "waiting")]


class Killer:
    """Handles events until one kills the process: whoever waits for ``died`` then cuts everything short."""

    def __init__(self) -> None:
        self.died = asyncio.Event()
        self.calls = 0

    async def die(self) -> None:
        self.died.set()
        await asyncio.Event().wait()


async def live_and_die(line: Line, killer: Killer, reaction: Reactions) -> bool:
    """One process, from its start to its sudden death; False when it lived until there was nothing left to do."""
    killer.died.clear()

    async def is_over() -> bool:
        [(left,)] = await line.rows(
            "SELECT count(*) FROM outbox WHERE event_id NOT IN (SELECT event_id FROM inbox"
            " UNION SELECT event_id FROM stalled_events WHERE state = 'parked')"
        )
        [(waiting,)] = await line.rows("SELECT count(*) FROM stalled_events WHERE state = 'waiting'")
        return killer.died.is_set() or left + waiting == 0

    async with line.working(reaction):
        await until(is_over, seconds=30)
    return killer.died.is_set()


@pytest.mark.usefixtures("sudden_death")
async def test_an_event_that_kills_its_process_is_parked_alone(line: Line) -> None:
    killer = Killer()

    async def react(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
        if received.event.scene == POISON:
            await killer.die()

    reaction = line.reaction(react)
    good = await line.announce(30)
    [poison] = await line.announce(1, scene=POISON)
    good += await line.announce(30)
    deaths = 0
    while await live_and_die(line, killer, reaction):
        deaths += 1
        assert deaths < 12
    async with line.working(reaction):
        await line.applied_once(good)
        await line.all_sent()
    assert await line.stalled() == [(poison, "parked", 8, stalled.KILLER)]
    assert deaths >= 8


@pytest.mark.usefixtures("sudden_death")
async def test_a_stalled_event_that_kills_its_process_when_tried_again_is_parked_alone(line: Line) -> None:
    killer = Killer()

    async def react(_: UnitOfWork, received: Received[MemberRegistered]) -> None:
        if received.event.scene == POISON:
            killer.calls += 1
            if killer.calls <= 2:  # together, then alone
                raise ArithmeticError("not yet")
            await killer.die()
        elif killer.calls <= 2:
            raise ArithmeticError("not yet")

    reaction = line.reaction(react)
    poison, good = new_id(), new_id()
    await consumer(line, reaction).handle([a_delivery(poison, scene=POISON), a_delivery(good)])
    assert sorted(await line.stalled()) == sorted(
        (id_, "waiting", 1, "ArithmeticError('not yet')") for id_ in (poison, good)
    )
    await line.hurry()
    for _ in range(7):
        assert await live_and_die(line, killer, reaction)
        await line.hurry()
    assert not await live_and_die(line, killer, reaction)
    assert await line.stalled() == [(poison, "parked", 8, stalled.KILLER)]
    assert await line.effects() == {good: 1}


@pytest.mark.usefixtures("sudden_death")
async def test_thirty_deaths_with_a_backlog_park_nothing_and_double_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PACK_EVENTS", 5)
    killer, seed = Killer(), random.Random(7)
    calls = 0

    async def react(_: UnitOfWork, __: Received[MemberRegistered]) -> None:
        nonlocal calls
        calls += 1
        if calls % 6 == 0 and deaths < 30:
            await killer.die()

    reaction = line.reaction(react)
    ids = await line.announce(200)
    deaths = 0
    while deaths < 30:
        assert await live_and_die(line, killer, reaction)
        deaths += 1
        calls = seed.randrange(3)
    async with line.working(reaction):
        await line.applied_once(ids, seconds=30)
        await line.all_sent()
    assert await line.stalled() == []
    assert await line.effects() == Counter(ids)


@pytest.mark.usefixtures("sudden_death")
async def test_a_consumer_killed_after_the_commit_and_before_the_acknowledgement_doubles_nothing(
    line: Line,
) -> None:
    reaction = line.reaction(nothing)
    committed = asyncio.Event()

    class Dying:
        def __init__(self) -> None:
            self._transport = line.transport()
            self.exclusive = self._transport.exclusive
            self.bind, self.publish = self._transport.bind, self._transport.publish
            self.close = self._transport.close

        async def consume(self, queue: str, handler: "object", **more: float) -> None:
            async def handle(deliveries: Sequence[Delivery]) -> None:
                await handler(deliveries)  # type: ignore[operator]
                committed.set()
                await asyncio.Event().wait()

            await self._transport.consume(queue, handle)

    async with line.working(reaction, transport=Dying()):
        ids = await line.announce(5)
        await asyncio.wait_for(committed.wait(), 10)
    async with line.working(reaction):
        await line.all_sent()

        async def none_is_stalled() -> bool:
            return await line.stalled() == []

        await until(none_is_stalled)
    assert await line.effects() == Counter(ids)
