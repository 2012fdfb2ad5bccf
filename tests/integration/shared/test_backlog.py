"""What a service still has to do can be asked for, is told to the collector, and alarms when it is late (4.C, K16)."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.backlog import Backlog, Gauges, backlog
from shared.database import begin, reading
from shared.events import Envelope, MemberRegistered
from shared.ids import new_id
from shared.messaging.stalled import StalledEvents
from tests.integration.shared.conftest import Serve, an_operator
from tests.support.kernel import execute, kernel_database, kernel_engine

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
NOTHING = Backlog(0, 0, 0, 0, 0, 0)


@pytest_asyncio.fixture(loop_scope="session")
async def own_engine() -> AsyncIterator[AsyncEngine]:
    """A database of the test's own: a backlog is of a whole service."""
    urls = await kernel_database()
    async with kernel_engine(urls) as engine:
        yield engine


async def found(engine: AsyncEngine) -> Backlog:
    async with reading(engine) as connection:
        return await backlog(connection, at=AT)


async def test_the_backlog_counts_what_is_unsent_stalled_and_due(own_engine: AsyncEngine) -> None:
    assert await found(own_engine) == NOTHING
    member_id = new_id()
    envelope = Envelope(id=new_id(), source="jishi/x", type="x", time=AT, subject="x", data={})
    async with begin(own_engine) as work:
        await work.outbox.add(MemberRegistered(member_id=member_id, scene=None, registered_at=AT), at=AT)
        await work.timers.set("ring", "late", due_at=AT - timedelta(seconds=90))
        await work.timers.set("ring", "sooner", due_at=AT - timedelta(seconds=5))
        await work.timers.set("ring", "later", due_at=AT + timedelta(seconds=1))
        await StalledEvents(work.connection).park("a.b", envelope, "because")
    await execute(own_engine, "UPDATE outbox SET created_at = now() - interval '70 seconds'")
    there = await found(own_engine)
    assert 70 <= there.oldest_unsent_seconds < 100
    assert (there.unsent_events, there.waiting_events, there.parked_events) == (1, 0, 1)
    assert (there.due_timers, there.timer_lag_seconds) == (2, 90)


@pytest.mark.parametrize(
    ("late", "alarms"),
    [
        (NOTHING, False),
        (Backlog(100, 59, 5, 0, 10, 59), False),
        (Backlog(1, 61, 0, 0, 0, 0), True),
        (Backlog(0, 0, 0, 0, 1, 61), True),
        (Backlog(0, 0, 0, 1, 0, 0), True),
    ],
)
def test_lateness_and_parked_events_alarm(
    late: Backlog, alarms: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="shared.backlog"):
        Gauges("order").show(late)
    assert bool(caplog.records) is alarms


def test_each_number_is_a_gauge_of_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    gauges = Gauges("order")
    for times in (1, 2):
        gauges.show(Backlog(1 * times, 2 * times, 3 * times, 4 * times, 5 * times, 6 * times))
        told = reader.get_metrics_data()
        assert told is not None
        values = {
            metric.name: [
                (dict(point.attributes or {}), point.value)
                for point in metric.data.data_points
                if isinstance(point, NumberDataPoint)
            ]
            for metric in told.resource_metrics[0].scope_metrics[0].metrics
        }
        assert values == {
            f"jishi.backlog.{name}": [({"service": "order"}, times * number)]
            for number, name in enumerate(Backlog.__dataclass_fields__, start=1)
        }


async def test_operators_who_oversee_may_ask(serve: Serve) -> None:
    service = serve()
    for role, status in (("operations", 200), ("auditor", 200), ("owner", 200), ("finance", 403)):
        answer = await service.call("GET", "/operator/backlog", who=an_operator(role))
        assert answer.status_code == status
