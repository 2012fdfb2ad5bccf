"""Durable timers run at least once, their effect once, however many loops and whoever dies (K10, K16)."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import ManualClock
from shared.database import begin
from shared.ids import new_id
from shared.telemetry import current_trace_id, door_span
from shared.timers import loop as loop_module
from shared.timers.loop import Timer, TimerLoop, Timers
from tests.support.kernel import execute, scalar
from tests.support.statements import heard

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
Run = Callable[[None, Timer], Coroutine[Any, Any, datetime | None]]


class Alarm:
    """One kind of timer of a test's own, on a clock of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.kind = new_id().hex
        self.clock = ManualClock(AT)
        self.ran: list[Timer] = []
        self.run: Run = self._note

    async def _note(self, _: None, timer: Timer) -> datetime | None:
        self.ran.append(timer)
        return None

    def loop(self) -> TimerLoop[None]:
        timers: Timers[None] = Timers()
        timers.on(self.kind)(self._run)
        return TimerLoop(self.engine, self.clock, None, timers.all)

    async def _run(self, nothing: None, timer: Timer) -> datetime | None:
        return await self.run(nothing, timer)

    async def set(self, key: str, *, due_at: datetime, payload: dict[str, Any] | None = None) -> None:
        async with begin(self.engine) as work:
            await work.timers.set(self.kind, key, due_at=due_at, payload=payload)

    async def row(self, column: str) -> Any:
        return await scalar(self.engine, f"SELECT {column} FROM timers WHERE kind = :kind", kind=self.kind)

    async def count(self) -> object:
        return await self.row("count(*)")

    async def die(self) -> None:
        """Let the leases run out."""
        await execute(
            self.engine,
            "UPDATE timers SET leased_until = now() - interval '1 second' WHERE kind = :kind AND leased_until IS NOT NULL",
            kind=self.kind,
        )


@pytest.fixture
def alarm(engine: AsyncEngine) -> Alarm:
    return Alarm(engine)


async def test_a_timer_runs_when_it_is_due_and_not_before(alarm: Alarm) -> None:
    await alarm.set("one", due_at=AT + timedelta(minutes=5), payload={"order": 7})
    assert await alarm.loop().run_due() == 0
    alarm.clock.advance(timedelta(minutes=5))
    assert await alarm.loop().run_due() == 1
    assert await alarm.loop().run_due() == 0
    [timer] = alarm.ran
    assert (timer.key, timer.payload, timer.attempts, timer.due_at) == (
        "one",
        {"order": 7},
        1,
        AT + timedelta(minutes=5),
    )
    assert await alarm.count() == 0


async def test_a_rolled_back_timer_was_never_set(alarm: Alarm) -> None:
    async def refused() -> None:
        async with begin(alarm.engine) as work:
            await work.timers.set(alarm.kind, "one", due_at=AT)
            raise LookupError

    with pytest.raises(LookupError):
        await refused()
    assert await alarm.loop().run_due() == 0


async def test_a_cancelled_timer_never_runs(alarm: Alarm) -> None:
    await alarm.set("one", due_at=AT)
    async with begin(alarm.engine) as work:
        await work.timers.cancel(alarm.kind, "one")
        await work.timers.cancel(alarm.kind, "none")
    assert await alarm.loop().run_due() == 0


async def test_setting_a_timer_again_moves_it(alarm: Alarm) -> None:
    await alarm.set("one", due_at=AT, payload={"n": 1})
    await alarm.set("one", due_at=AT + timedelta(hours=1), payload={"n": 2})
    assert await alarm.loop().run_due() == 0
    alarm.clock.advance(timedelta(hours=1))
    await alarm.loop().run_due()
    assert [timer.payload for timer in alarm.ran] == [{"n": 2}]


async def test_two_loops_beside_each_other_run_each_timer_once(alarm: Alarm) -> None:
    keys = [str(number) for number in range(100)]
    async with begin(alarm.engine) as work:
        for key in keys:
            await work.timers.set(alarm.kind, key, due_at=AT)

    async def drain(loop: TimerLoop[None]) -> int:
        taken = 0
        while ran := await loop.run_due():
            taken += ran
        return taken

    taken = await asyncio.gather(drain(alarm.loop()), drain(alarm.loop()))
    assert sum(taken) == 100
    assert all(taken)
    assert sorted(timer.key for timer in alarm.ran) == sorted(keys)


async def test_a_timer_whose_process_died_runs_again_after_its_lease(alarm: Alarm) -> None:
    begun = asyncio.Event()

    async def hang(_: None, timer: Timer) -> datetime | None:
        begun.set()
        await asyncio.Event().wait()
        return None

    alarm.run = hang
    await alarm.set("one", due_at=AT)
    running = asyncio.create_task(alarm.loop().run_due())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    alarm.run = alarm._note
    assert await alarm.loop().run_due() == 0
    await alarm.die()
    assert await alarm.loop().run_due() == 1
    assert [timer.attempts for timer in alarm.ran] == [2]
    assert await alarm.count() == 0


async def test_a_failing_timer_waits_longer_each_time_and_says_why(alarm: Alarm) -> None:
    async def fail(_: None, timer: Timer) -> datetime | None:
        alarm.ran.append(timer)
        raise ArithmeticError("集市 \x00")

    alarm.run = fail
    await alarm.set("one", due_at=AT)
    pauses = []
    for _ in range(4):
        await alarm.loop().run_due()
        pauses.append(round(float(await alarm.row("extract(epoch FROM leased_until - now())"))))
        assert await alarm.loop().run_due() == 0
        await alarm.die()
    assert pauses == [2, 4, 8, 16]
    assert await alarm.row("last_error") == "ArithmeticError('\\u96c6\\u5e02 \\x00')"
    assert [timer.attempts for timer in alarm.ran] == [1, 2, 3, 4]


async def test_a_failing_timer_holds_up_no_other(alarm: Alarm) -> None:
    async def fail_first(_: None, timer: Timer) -> datetime | None:
        if timer.key == "bad":
            raise ArithmeticError
        alarm.ran.append(timer)
        return None

    alarm.run = fail_first
    await alarm.set("bad", due_at=AT - timedelta(hours=1))
    await alarm.set("good", due_at=AT)
    assert await alarm.loop().run_due() == 2
    assert [timer.key for timer in alarm.ran] == ["good"]


async def test_a_timer_that_hangs_is_cut_short(alarm: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "LEASE_SECONDS", 5.2)

    async def hang(_: None, __: Timer) -> datetime | None:
        await asyncio.Event().wait()
        return None

    alarm.run = hang
    await alarm.set("one", due_at=AT)
    await alarm.loop().run_due()
    assert await alarm.row("last_error") == "TimeoutError()"


async def test_a_timer_may_ask_to_run_again(alarm: Alarm) -> None:
    async def again(_: None, timer: Timer) -> datetime | None:
        alarm.ran.append(timer)
        return AT + timedelta(minutes=1) if len(alarm.ran) == 1 else None

    alarm.run = again
    await alarm.set("one", due_at=AT)
    await alarm.loop().run_due()
    assert await alarm.row("due_at") == AT + timedelta(minutes=1)
    assert await alarm.loop().run_due() == 0
    alarm.clock.advance(timedelta(minutes=1))
    await alarm.loop().run_due()
    assert [timer.attempts for timer in alarm.ran] == [1, 1]
    assert await alarm.count() == 0


@pytest.mark.parametrize("ending", ["done", "again", "failed"])
async def test_a_timer_set_again_while_it_runs_keeps_its_new_due_time(alarm: Alarm, ending: str) -> None:
    new_due_at = AT + timedelta(minutes=30)

    async def set_again(_: None, __: Timer) -> datetime | None:
        await alarm.set("one", due_at=new_due_at, payload={"n": 2})
        if ending == "failed":
            raise ArithmeticError
        return AT + timedelta(hours=9) if ending == "again" else None

    alarm.run = set_again
    await alarm.set("one", due_at=AT)
    await alarm.loop().run_due()
    assert await alarm.row("due_at") == new_due_at
    assert await alarm.row("leased_until") is None
    alarm.run = alarm._note
    alarm.clock.set(new_due_at)
    assert await alarm.loop().run_due() == 1
    assert [timer.payload for timer in alarm.ran] == [{"n": 2}]


async def test_a_timer_knows_the_trace_that_set_it(alarm: Alarm) -> None:
    traces: list[str | None] = []

    async def note(_: None, __: Timer) -> datetime | None:
        traces.append(current_trace_id())
        return None

    alarm.run = note
    with door_span("POST order", None):
        traces.append(current_trace_id())
        await alarm.set("one", due_at=AT)
    await alarm.loop().run_due()
    assert traces[0] is not None
    assert traces == [traces[0]] * 2


async def test_a_stop_in_good_order_finishes_the_timers_in_hand(alarm: Alarm) -> None:
    begun = asyncio.Event()

    async def slowly(_: None, timer: Timer) -> datetime | None:
        begun.set()
        await asyncio.sleep(0.2)
        alarm.ran.append(timer)
        return None

    alarm.run = slowly
    await alarm.set("one", due_at=AT)
    running = asyncio.create_task(alarm.loop().run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [timer.key for timer in alarm.ran] == ["one"]
    assert await alarm.count() == 0


async def test_each_timer_of_a_batch_runs_again_at_its_own_time(engine: AsyncEngine) -> None:
    alarm = Alarm(engine)

    async def run(_: None, timer: Timer) -> datetime | None:
        return None if timer.key == "done" else AT + timedelta(seconds=int(timer.key))

    alarm.run = run
    keys = ["done", *(str(number) for number in random.Random(3).sample(range(1, 1000), 20))]
    for offset, key in enumerate(keys):
        await alarm.set(key, due_at=AT - timedelta(seconds=offset))
    assert await alarm.loop().run_due() == 21
    async with begin(engine) as work:
        query = text("SELECT key, due_at FROM timers WHERE kind = :kind")
        rows = await work.connection.execute(query, {"kind": alarm.kind})
        found = {row.key: row.due_at for row in rows}
    assert found == {key: AT + timedelta(seconds=int(key)) for key in keys if key != "done"}


async def test_loops_that_are_killed_again_and_again_lose_no_timer_and_take_effect_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "STOP_SECONDS", 0)
    alarm, dice = Alarm(engine), random.Random(7)

    async def ring(_: None, timer: Timer) -> datetime | None:
        alarm.ran.append(timer)
        await asyncio.sleep(0.002)
        async with begin(engine) as work:
            await work.connection.execute(
                text("INSERT INTO inbox (reaction, event_id) VALUES (:kind, :id) ON CONFLICT DO NOTHING"),
                {"kind": alarm.kind, "id": timer.id},
            )
        return None

    alarm.run = ring
    for number in range(200):
        await alarm.set(str(number), due_at=AT)
    kills = 0
    while await alarm.count():
        loops = [asyncio.create_task(alarm.loop().run()) for _ in range(2)]
        await asyncio.sleep(dice.uniform(0.01, 0.15) * (1 + kills / 40))  # a slow machine gets there too
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await alarm.die()
        kills += 2
    assert kills >= 4
    assert {timer.key for timer in alarm.ran} == {str(number) for number in range(200)}
    effects = "SELECT count(*) FROM inbox WHERE reaction = :kind"
    assert await scalar(engine, effects, kind=alarm.kind) == 200


@asynccontextmanager
async def running(alarm: Alarm) -> AsyncIterator[list[str]]:
    """A loop at work, and the statements that it sends."""
    alarm.clock.set(datetime.now(UTC))
    statements: list[str] = []
    with heard(alarm.engine, statements.append):
        task = asyncio.create_task(alarm.loop().run())
        await asyncio.sleep(0.1)
        try:
            yield statements
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_loop_with_nothing_to_do_asks_once_a_second_what_is_next(alarm: Alarm) -> None:
    await alarm.set("later", due_at=datetime.now(UTC) + timedelta(hours=1))
    async with running(alarm) as statements:
        await asyncio.sleep(1.2)
    assert [each.split()[0] for each in statements] == ["SELECT", "SELECT"]


async def test_a_timer_that_is_set_in_the_process_of_the_loop_runs_at_once(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "LOOK_SECONDS", 600.0)
    async with running(alarm):
        await alarm.set("now", due_at=alarm.clock.now())
        await until_run(alarm, ["now"])


async def test_the_loop_wakes_for_the_next_timer_and_looks_for_those_of_other_processes(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "LOOK_SECONDS", 0.3)
    async with running(alarm):
        await execute(
            alarm.engine,
            "INSERT INTO timers (id, kind, key, due_at) VALUES (gen_random_uuid(), :kind, 'other', :due_at)",
            kind=alarm.kind,
            due_at=alarm.clock.now(),
        )
        await until_run(alarm, ["other"])


async def until_run(alarm: Alarm, keys: list[str]) -> None:
    async with asyncio.timeout(10):
        while [timer.key for timer in alarm.ran] != keys:
            await asyncio.sleep(0.02)
