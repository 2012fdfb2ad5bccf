"""Facts on their way: buffered durably, moved once, and the engine started only when it is needed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.configuration import configure
from services.analytics.facts.buffer import FactBuffer, emptying
from services.analytics.facts.domain import Fact, facts_of
from services.analytics.facts.engine import FactsEngine, FactsUnavailable
from services.analytics.facts.owner import Facts
from services.analytics.facts.tables import MEMBERS, TABLES
from shared.database import begin, create_engine
from shared.events import EVENT_TYPES, MemberRegistered, OrderLine, OrderPaid
from shared.ids import new_id
from tests.integration.analytics.conftest import Analytics, at, paid, placed
from tests.support.databases import fresh_databases
from tests.support.statements import pages_touched
from tests.support.wechat import WeChat

NOW = datetime(2030, 1, 5, 4, tzinfo=UTC)
COUNT = "SELECT count() AS rows, uniqExact(event_id) AS ids FROM members"


@dataclass(frozen=True, slots=True)
class Home:
    """A database and a facts folder of a test's own."""

    url: str
    database: AsyncEngine
    facts_url: str

    def owner(self, buffer_rows: int = 1_000_000) -> Facts:
        return Facts(self.database, FactsEngine(self.facts_url), buffer_rows=buffer_rows)

    async def add(self, number: int) -> list[Fact]:
        facts = [
            Fact(MEMBERS, new_id(), NOW, {"member_id": new_id(), "scene": "1001"}) for _ in range(number)
        ]
        async with begin(self.database) as work:
            await FactBuffer(work.connection).add(facts)
        return facts

    async def waiting(self) -> int:
        async with begin(self.database) as work:
            return await FactBuffer(work.connection).waiting(at_most=1_000_000)


@pytest_asyncio.fixture(loop_scope="session")
async def home(postgres_server: Any, tmp_path: Path) -> AsyncIterator[Home]:
    url = (await fresh_databases(["analytics"]))["analytics"].runtime
    database = create_engine(url, application_name="test-facts")
    yield Home(url, database, f"chdb://{tmp_path / 'facts'}")
    await database.dispose()


async def test_a_question_moves_everything_that_waits(home: Home) -> None:
    async with home.owner() as facts:
        await home.add(12_001)
        assert await home.waiting() == 12_001
        assert await facts.query(COUNT, {}) == [{"rows": 12_001, "ids": 12_001}]
        assert await home.waiting() == 0


async def test_facts_wait_until_they_are_many_or_the_engine_is_up(home: Home) -> None:
    facts = home.owner(buffer_rows=10)
    await home.add(9)
    assert (await facts.flush_if_due(), await home.waiting()) == (0, 9)
    await home.add(1)
    assert (await facts.flush_if_due(), await home.waiting()) == (10, 0)
    await home.add(1)
    assert (await facts.flush_if_due(), await home.waiting()) == (1, 0)
    async with facts:
        assert await facts.query(COUNT, {}) == [{"rows": 11, "ids": 11}]


async def test_looking_whether_facts_wait_does_not_read_the_pages_of_those_that_have_gone(home: Home) -> None:
    for _ in range(4):
        await home.add(5_000)
    async with emptying(home.database) as buffer:
        while facts := await buffer.oldest(5_000):
            await buffer.forget(facts)
    owner = home.owner(buffer_rows=5_000)
    assert await owner.flush_if_due() == 0
    with pages_touched(home.database) as touched:
        assert await owner.flush_if_due() == 0
    assert len(touched) == 1
    assert touched[0] <= 100, "20,000 facts lie on 500 pages and more"


async def test_a_fact_that_the_engine_has_is_not_inserted_again(home: Home) -> None:
    async with home.owner() as facts:
        known = await home.add(3)
        await facts.flush()
        async with begin(home.database) as work:
            await FactBuffer(work.connection).add(known)
        await home.add(2)
        assert await facts.query(COUNT, {}) == [{"rows": 5, "ids": 5}]


async def test_two_owners_at_once_double_nothing(home: Home) -> None:
    engine = FactsEngine(home.facts_url)
    first, second = (Facts(home.database, engine, buffer_rows=1) for _ in range(2))
    for _ in range(5):
        await home.add(200)
        await asyncio.gather(first.flush(), second.flush(), first.flush())
    assert await first.query(COUNT, {}) == [{"rows": 1_000, "ids": 1_000}]
    await engine.close()


async def test_a_question_given_up_leaves_the_move_to_finish(home: Home) -> None:
    async with home.owner() as facts:
        await home.add(20_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await facts.query(COUNT, {})
        assert await facts.query(COUNT, {}) == [{"rows": 20_000, "ids": 20_000}]


CHILD = """
import asyncio, os, signal, sys
from services.analytics.facts.buffer import FactBuffer
from services.analytics.facts.engine import FactsEngine
from services.analytics.facts.owner import Facts
from shared.database import create_engine

url, facts_url, what = sys.argv[1:]

async def die(self, facts):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    if what == "die":
        FactBuffer.forget = die
    facts = Facts(create_engine(url, application_name="child"), FactsEngine(facts_url), buffer_rows=1)
    print(await facts.query("SELECT count() AS rows, uniqExact(event_id) AS ids FROM members", {}), flush=True)
    if what == "hold":
        await asyncio.sleep(600)

asyncio.run(main())
"""


def child(home: Home, what: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, home.url, home.facts_url, what], stdout=subprocess.PIPE, text=True
    )


async def test_killed_between_the_insert_and_the_delete_nothing_is_doubled_or_lost(home: Home) -> None:
    await home.add(300)
    for _ in range(2):
        assert await asyncio.to_thread(child(home, "die").wait, 60) == -signal.SIGKILL
        assert await home.waiting() == 300
    await home.add(1)
    async with home.owner() as facts:
        assert await facts.query(COUNT, {}) == [{"rows": 301, "ids": 301}]
    assert await home.waiting() == 0


async def test_while_another_process_holds_the_folder_facts_wait_and_questions_are_refused(
    home: Home,
) -> None:
    holder = child(home, "hold")
    assert holder.stdout
    assert await asyncio.to_thread(holder.stdout.readline) == "[{'rows': 0, 'ids': 0}]\n"
    await home.add(5)
    async with home.owner() as facts:
        with pytest.raises(FactsUnavailable):
            await facts.query(COUNT, {})
        assert await home.waiting() == 5
        holder.kill()
        await asyncio.to_thread(holder.wait, 10)
        assert await facts.query(COUNT, {}) == [{"rows": 5, "ids": 5}]


async def test_the_engine_is_not_loaded_before_the_first_question(
    postgres_server: Any, wechat: WeChat, tmp_path: Path
) -> None:
    environment = configure(
        tmp_path,
        databases=await fresh_databases(["analytics"]),
        amqp_urls={},
        merchant_folder=wechat.folder,
        simulator_url=wechat.url,
        public_url="http://shop.test",
    )
    script = textwrap.dedent("""
        import asyncio, sys
        from datetime import date
        from deploy.local.platform import open_platform
        from services.analytics.collect.usecases import collect
        from services.analytics.metrics.queries import counts, whole_period
        from services.analytics.periods import Period
        from shared.clock import shop_day
        from shared.database import begin
        from shared.ids import new_id

        async def main():
            async with open_platform(names=["analytics"]) as platform:
                analytics, now = platform.resources["analytics"], platform.clock.now()
                event = {"event": "page_view", "app": "h5", "occurred_at": now.isoformat(), "sent_at": now.isoformat()}
                events = [event | {"event_id": str(new_id()), "anon_id": str(new_id())} for _ in range(100)]
                async with begin(analytics.engine) as work:
                    await collect(work, events, member_id=None, received_at=now)
                await asyncio.sleep(1.5)
                heavy = {"chdb", "clickhouse_connect", "pandas", "pyarrow"}
                assert not heavy & set(sys.modules), heavy & set(sys.modules)
                today = shop_day(now)
                counted = await counts(analytics.facts, Period(today, today), whole_period)
                assert "chdb" in sys.modules
                print(counted[today]["pv"])

        asyncio.run(main())
    """)
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env=os.environ | environment, stdout=subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(run.communicate(), 60)
    assert (run.returncode, printed) == (0, b"100\n")


async def test_every_table_is_made_in_the_embedded_engine(home: Home) -> None:
    async with home.owner() as facts:
        made = await facts.query(
            "SELECT name, engine FROM system.tables WHERE database = 'default' ORDER BY name", {}
        )
    assert made == [{"name": name, "engine": "ReplacingMergeTree"} for name in sorted(TABLES)]


async def test_all_that_is_announced_is_recorded_once(analytics: Analytics, day: date) -> None:
    (reaction,) = analytics.shop.platform.workers["analytics"].reactions
    assert reaction.name == "analytics.record-facts"
    assert set(reaction.types) == set(EVENT_TYPES.values())
    member = MemberRegistered(member_id=new_id(), scene=None, registered_at=at(day, 8))
    ids = await analytics.announce(member)
    await analytics.announce(member, ids=ids)
    found = await analytics.stored(
        "SELECT event, source, ts FROM behaviour_events WHERE member_id = {id:UUID}", id=str(member.member_id)
    )
    assert [(row["event"], row["source"]) for row in found] == [("member_registered", "server")]
    rows = await analytics.stored(
        "SELECT scene FROM members WHERE member_id = {id:UUID}", id=str(member.member_id)
    )
    assert rows == [{"scene": ""}]


async def test_the_lines_of_a_paid_order_sum_to_what_was_paid_less_freight(
    analytics: Analytics, day: date
) -> None:
    order = placed(new_id(), at(day, 8), 1000)
    lines = [
        OrderLine(
            order_line_id=new_id(),
            sku_id=new_id(),
            product_id=new_id(),
            category_id=new_id(),
            quantity=quantity,
            unit_price_fen=500,
            payable_fen=payable_fen,
        )
        for quantity, payable_fen in ((1, 400), (2, 933))
    ]
    event = paid(order, at(day, 9)).model_copy(
        update={"lines": lines, "freight_fen": 600, "payable_fen": 1933}
    )
    await analytics.announce(order, event)
    (money,) = await analytics.stored(
        "SELECT sum(payable_fen) AS lines, sum(quantity) AS units FROM order_lines WHERE order_id = {id:UUID}",
        id=str(order.order_id),
    )
    assert money == {"lines": 1933 - 600, "units": 3}
    states = await analytics.stored(
        "SELECT state, payable_fen FROM orders WHERE order_id = {id:UUID} ORDER BY entered_at",
        id=str(order.order_id),
    )
    assert states == [{"state": "placed", "payable_fen": 1000}, {"state": "paid", "payable_fen": 1933}]


async def test_instants_keep_their_milliseconds_and_their_shop_day(analytics: Analytics, day: date) -> None:
    for instant in (at(day), at(day) - timedelta(microseconds=1), at(day, 24) - timedelta(microseconds=1)):
        order = placed(new_id(), instant, 7)
        event = OrderPaid(**order.model_dump(), coupon_discount_fen=0, paid_at=instant)
        facts = list(facts_of(new_id(), event, occurred_at=instant, received_at=instant))
        assert {fact.happened_at.microsecond % 1000 for fact in facts} == {0}
        await analytics.announce(event)
    assert (await analytics.summary(day))["orders_paid"] == 2
    assert (await analytics.summary(day - timedelta(days=1)))["orders_paid"] == 1
